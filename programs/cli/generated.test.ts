// What is generated from the commands: the manual page and the completion scripts.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCaisson } from '../../testing/cli-cases/run-case.ts';
import { manualPage } from './manual-page.ts';

const has = (program: string) => spawnSync(program, ['--version']).error === undefined;
const bash = (await runCaisson(['completion', 'bash'])).stdout;

/** What bash would offer with the cursor behind the last word. */
function complete(...words: string[]): string[] {
	const program = `${bash}
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_caisson
		printf '%s\\n' "\${COMPREPLY[@]}"`;
	const output = execFileSync('bash', ['-c', program, 'bash', ...words], { encoding: 'utf8' });
	return output.split('\n').filter((word) => word !== '');
}

test('man/caisson.1 is what the commands say; else run node programs/cli/write-manual-page.ts', async () => {
	const page = await manualPage();
	assert.equal(readFileSync(new URL('../../man/caisson.1', import.meta.url), 'utf8'), page);
});

test('the manual page is ASCII and groff has nothing to warn of', { skip: !has('groff') && 'no groff' }, async () => {
	const page = await manualPage();
	assert.match(page, /^[\n -~]*$/);
	const { stderr, status } = spawnSync('groff', ['-ww', '-man', '-Tutf8', '-z'], { input: page, encoding: 'utf8' });
	assert.deepEqual([stderr, status], ['', 0]);
});

test('bash completes nouns, verbs and options', () => {
	assert.deepEqual(complete('caisson', 'jo'), ['job']);
	assert.deepEqual(complete('caisson', 'job', 'update-'), ['update-status', 'update-definition']);
	assert.deepEqual(complete('caisson', 'job', 'query', '--cl'), ['--client-id']);
});

test('bash completes the values of options, also behind =', () => {
	assert.deepEqual(complete('caisson', 'job', 'query', '--format', ''), ['text', 'json']);
	assert.deepEqual(complete('caisson', 'job', 'query', '--format', '=', 'j'), ['json']);
	assert.deepEqual(complete('caisson', 'job', 'events', '--action', 'UPD'), ['UPDATE_STATUS', 'UPDATE_DEFINITION']);
});

test('bash finds the verb behind the value of a global option', () => {
	assert.deepEqual(complete('caisson', '--server', 'job', 'job', 'quer'), ['query']);
});

test('bash completes files where an option or an argument is one', () => {
	assert.deepEqual(complete('caisson', 'job', 'create', '--definition', 'package.jso'), ['package.json']);
	assert.deepEqual(complete('caisson', 'job', 'update-definition', 'ID', 'package.jso'), ['package.json']);
});

for (const [shell, check] of [
	['zsh', '-n'],
	['fish', '--no-execute'],
] as const) {
	test(`${shell} accepts its script`, { skip: !has(shell) && `no ${shell}` }, async () => {
		const { stdout } = await runCaisson(['completion', shell]);
		const folder = mkdtempSync(join(tmpdir(), 'caisson-completion-'));
		try {
			const file = join(folder, 'script');
			writeFileSync(file, stdout);
			const { stderr, status } = spawnSync(shell, [check, file], { encoding: 'utf8' });
			assert.deepEqual([stderr, status], ['', 0]);
		} finally {
			rmSync(folder, { recursive: true });
		}
	});
}
