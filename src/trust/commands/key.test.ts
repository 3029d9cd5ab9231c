// `caisson trust key`: what is made, what is shown, and that nothing secret is printed.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { trustWorld } from '../../../programs/cli/trust-world.ts';
import { makeSoftToken, type SoftToken, whyNoToken } from '../../../testing/soft-token/soft-token.ts';
import { recordingTerminal } from '../../terminal/recording-terminal.ts';
import { keyCommand } from './key.ts';

const root = mkdtempSync(join(tmpdir(), 'caisson-key-'));
after(() => rmSync(root, { recursive: true }));
const passphraseFile = join(root, 'passphrase');
writeFileSync(passphraseFile, 'correct horse battery\n', { mode: 0o600 });
const sealed = ['--passphrase-file', passphraseFile];
const keys = join(root, 'keys');

async function run(...words: readonly string[]) {
	const terminal = recordingTerminal();
	const command = keyCommand(terminal, trustWorld.ceremony);
	for (const each of [command, ...command.commands]) each.exitOverride();
	await command.parseAsync([...words], { from: 'user' });
	return terminal;
}

describe('caisson trust key', () => {
	it('makes a private key that is closed, and a public part; the private key has the id that was shown', async () => {
		const { stdoutText, stderrText } = await run('create', 'ann', '--dir', keys, '--holder', 'Ann Ä.', ...sealed);
		assert.deepEqual(readdirSync(keys), ['ann.pem', 'ann.public.json']);
		assert.equal(statSync(join(keys, 'ann.pem')).mode & 0o777, 0o600);
		const keyid = /^Key ann \(ed25519\), id ([0-9a-f]{64})\n/.exec(stdoutText)?.[1] ?? 'none';
		assert.match((await run('show', join(keys, 'ann.pem'), ...sealed)).stdoutText, new RegExp(`Key id: ${keyid}`));
		assert.match((await run('show', join(keys, 'ann.public.json'))).stdoutText, /^Label: {2}ann\nHolder: Ann Ä\.\n/);
		assert.ok(!`${stdoutText}${stderrText}`.includes('horse'));
		assert.ok(!readFileSync(join(keys, 'ann.public.json'), 'utf8').includes('PRIVATE'));
	});

	it('lists what lies in a folder, with the holder and where the private key is', async () => {
		await run('create', 'ben', '--dir', join(root, 'two'), '--kind', 'ecdsa-p384', ...sealed);
		rmSync(join(root, 'two', 'ben.pem'));
		const { stdoutText } = await run('list', '--dir', join(root, 'two'));
		assert.match(stdoutText, /ben +ecdsa-p384 +[0-9a-f]{64} +elsewhere +-\n$/);
	});

	it('gives a key that was made elsewhere a public part', async () => {
		await run('create', 'old', '--dir', join(root, 'three'), ...sealed);
		const file = join(root, 'three', 'old.pem');
		const { stdoutText } = await run('show', file, ...sealed, '--name', 'new', '--format', 'json');
		assert.equal(JSON.parse(stdoutText).label, 'new');
		await assert.rejects(run('show', file, ...sealed, '--format', 'json'), /say how it is called with --name/);
	});

	it('leaves nothing when the passphrase file cannot be used', async () => {
		const open = join(root, 'open');
		writeFileSync(open, 'x\n', { mode: 0o644 });
		mkdirSync(join(root, 'four'));
		await assert.rejects(run('create', 'a', '--dir', join(root, 'four'), '--passphrase-file', open), /open to others/);
		assert.deepEqual(readdirSync(join(root, 'four')), []);
	});
});

describe('caisson trust key in a token', { skip: whyNoToken() }, () => {
	let token: SoftToken;
	before(() => {
		token = makeSoftToken('people');
	});
	after(() => token?.remove());
	const inToken = () => ['--pin-file', token.pinFile, '--pkcs11-module', token.module];

	it('makes a key under its label, lists it, and shows its id', async () => {
		const words = ['--kind', 'ecdsa-p256', '--pkcs11', 'pkcs11:token=people', '--dir', keys];
		const { stdoutText } = await run('create', 'erin', ...words, ...inToken());
		const uri = /^Private: (pkcs11:.*object=erin.*)$/m.exec(stdoutText)?.[1] ?? 'none';
		assert.match(
			(await run('list', '--pkcs11', 'pkcs11:token=people', ...inToken())).stdoutText,
			/erin +ecdsa-p256 +pkcs11:/,
		);
		const shown = JSON.parse((await run('show', uri, ...inToken(), '--name', 'erin', '--format', 'json')).stdoutText);
		const file = JSON.parse(readFileSync(join(keys, 'erin.public.json'), 'utf8'));
		assert.equal(shown.keyid, file.keyid);
		assert.equal(file.uri, uri);
		assert.match((await run('list', '--dir', keys)).stdoutText, /erin +ecdsa-p256 +[0-9a-f]{64} +pkcs11:/);
	});

	it('tries a wrong PIN once, and does not show it', async () => {
		const words = [
			'--pkcs11',
			'pkcs11:token=people',
			'--pin-file',
			token.wrongPinFile,
			'--pkcs11-module',
			token.module,
		];
		await assert.rejects(run('list', ...words), (error: Error & { code: string }) => {
			assert.equal(error.code, 'token-pin-refused');
			return !error.message.includes('999999');
		});
	});
});
