// docs/update-specification.md: every example on it is packed, and every field that exists is on it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { edited, noise } from '../../testing/delta/synthetic.ts';
import { CaissonError } from '../errors.ts';
import { fileKeys } from '../outside/signer/keys.ts';
import { readZchunkFile } from './delta/zchunk-file.ts';
import { packUpdate } from './pack.ts';
import { parseUpdateSpecification } from './rules/specification.ts';

const fromRoot = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const page = readFileSync(fromRoot('docs/update-specification.md'), 'utf8');
const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);
const lacking = ['zck', 'rdiff'].filter((program) => spawnSync(program, ['--version']).error !== undefined);

const folder = mkdtempSync(join(tmpdir(), 'caisson-page-'));
after(() => rmSync(folder, { recursive: true }));

before(async () => {
	for (const name of ['root.ext4', 'app.conf', 'app.tar', 'after.sh'])
		writeFileSync(join(folder, name), `The ${name}.\n`);
	const old = noise(1, 300_000);
	writeFileSync(join(folder, 'old.img'), old);
	writeFileSync(join(folder, 'new.img'), edited(old));
	if (lacking.length > 0) return;
	const run = (program: string, ...words: string[]) =>
		assert.equal(spawnSync(program, words, { cwd: folder }).status, 0, `${program} ${words.join(' ')}`);
	run('zck', '-u', '--chunk-hash-type', 'sha256', 'new.img', '-o', 'new.img.zck');
	writeFileSync(join(folder, 'new.img.zckhdr'), (await readZchunkFile(join(folder, 'new.img.zck'))).headerBytes);
	run('rdiff', 'signature', 'old.img', 'signature');
	run('rdiff', 'delta', 'signature', 'new.img', 'new.img.rdiff');
});

describe('the page of the update specification', () => {
	for (const [index, example] of examples.entries()) {
		const needsPrograms = /delta|rdiff/.test(example) && lacking.length > 0;
		const skip = needsPrograms ? `${lacking.join(' and ')} not installed` : false;
		it(`has an example ${index + 1} that packs`, { skip }, async () => {
			const file = join(folder, `example-${index}.yaml`);
			writeFileSync(file, example);
			const signer = await fileKeys.openSigner({
				keyFile: fromRoot('testdata/update/keys/rsa.key.pem'),
				certificateFile: fromRoot('testdata/update/keys/rsa.cert.pem'),
			});
			const output = join(folder, `example-${index}.swu`);
			const packed = await packUpdate({ specification: { file }, signer, output });
			assert.ok(packed.members.length >= 3);
			assert.equal(/readback/.test(packed.description), /type: (delta|rdiff)|readback: true/.test(example));
		});
	}

	it('names every field that a specification may have', () => {
		assert.equal(examples.length, 6);
		const places = ['', 'images: [{ PLACE }]', 'files: [{ PLACE }]', 'archives: [{ PLACE }]', 'scripts: [{ PLACE }]'];
		const fields = places.flatMap((place) => knownFields(place === '' ? 'PLACE' : place));
		assert.ok(fields.length > 60, String(fields.length));
		for (const field of fields) assert.match(page, new RegExp(`^\\|.*\`${field}\`.*\\|`, 'm'), field);
	});
});

/** The fields of a place, as the refusal of an unknown one lists them. */
function knownFields(place: string): string[] {
	try {
		parseUpdateSpecification(`${place.replace('PLACE', 'zzzzzzzzzzzzzzzz: 1')}\n`);
	} catch (error) {
		assert.ok(error instanceof CaissonError);
		const [, list] = /Known: (.*)\.$/.exec(error.message) ?? [];
		if (list !== undefined) return list.split(', ');
	}
	throw new Error(`no list of fields for ${place}`);
}
