// Files that are carried by hand are whole or not there, and a new one never takes the place of another.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CaissonError } from '../../errors.ts';
import { readBounded, replaceFile, writeNew } from './files.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-files-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const unusable = (message: RegExp) => (error: unknown) =>
	error instanceof CaissonError && error.code === 'file-unusable' && message.test(error.message);

test('a new file is not written over another, and of two writers one wins', async () => {
	writeFileSync(at('taken'), 'old');
	await assert.rejects(writeNew(at('taken'), 'new'), unusable(/exists already, and is not overwritten/));
	assert.equal(readFileSync(at('taken'), 'utf8'), 'old');
	const results = await Promise.allSettled(['a', 'b', 'c'].map((text) => writeNew(at('raced'), text.repeat(1000))));
	assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
	assert.match(readFileSync(at('raced'), 'utf8'), /^(a{1000}|b{1000}|c{1000})$/);
});

test('a file is replaced whole, and nothing is left beside it', async () => {
	await replaceFile(at('one'), 'first');
	await Promise.all(['x', 'y'].map((text) => replaceFile(at('one'), text.repeat(100_000))));
	assert.match(readFileSync(at('one'), 'utf8'), /^(x{100000}|y{100000})$/);
	assert.deepEqual(
		readdirSync(folder).filter((name) => name.includes('.partial')),
		[],
	);
});

test('what cannot be written leaves what was there', async () => {
	mkdirSync(at('dir'));
	await assert.rejects(replaceFile(at('dir'), 'text'), unusable(/dir cannot be written/));
	await assert.rejects(writeNew(at('absent/file'), 'text'), unusable(/there is no such file/));
	assert.deepEqual(
		readdirSync(folder).filter((name) => name.includes('.partial')),
		[],
	);
});

test('a file that is too long, or none at all, is not read', async () => {
	writeFileSync(at('long'), 'x'.repeat(101));
	await assert.rejects(readBounded(at('long'), 100), /larger than 100 bytes/);
	await assert.rejects(readBounded(folder), unusable(/is no file/));
	symlinkSync('/dev/zero', at('zero'));
	await assert.rejects(readBounded(at('zero')), unusable(/is no file/));
});
