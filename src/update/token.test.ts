// Updates signed with keys in a PKCS#11 token, as a person types it: SoftHSM is the token, openssl checks.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeSoftToken, type SoftToken, whyNoToken } from '../../testing/soft-token/soft-token.ts';
import { fileKeys } from '../outside/signer/keys.ts';
import { createTokenKey } from '../outside/signer/pkcs11.ts';
import { recordingTerminal } from '../terminal/recording-terminal.ts';
import { updateCommands } from './commands.ts';
import { readUpdate } from './read.ts';

const skip =
	whyNoToken() ?? (spawnSync('openssl', ['version']).error === undefined ? undefined : 'openssl is not installed');
const payload = fileURLToPath(new URL('../../testdata/update/payload/hello.txt', import.meta.url));

describe('updates signed with a key in a token', { skip }, () => {
	let token: SoftToken;
	const directory = mkdtempSync(join(tmpdir(), 'caisson-token-update-'));
	const at = (name: string) => join(directory, name);

	before(async () => {
		token = makeSoftToken('release');
		copyFileSync(payload, at('hello.txt'));
		const files = 'files: [{ source: hello.txt, path: /h }]';
		writeFileSync(at('spec.yaml'), `version: "1"\nhardware-compatibility: any\n${files}\n`);
		const options = { module: token.module, pinFile: token.pinFile };
		for (const kind of ['rsa', 'p256', 'p384', 'ed25519'] as const) {
			const key = await createTokenKey(token.uri(kind), { kind, bits: 2048 }, options);
			writeFileSync(at(`${kind}.pub`), key.publicKey.export({ format: 'pem', type: 'spki' }));
			certify(kind);
		}
	});
	after(() => {
		token?.remove();
		rmSync(directory, { recursive: true });
	});

	/** A certificate for the public key of the token, issued by a key that openssl makes: SWUpdate trusts the issuer. */
	function certify(name: string): void {
		const quiet = { stdio: 'ignore' } as const;
		if (!readdirSync(directory).includes('root.pem')) {
			const words = ['-subj', '/CN=Root', '-keyout', at('root.key'), '-out', at('root.pem'), '-newkey', 'rsa:2048'];
			execFileSync('openssl', ['req', '-x509', '-nodes', '-days', '100', ...words], quiet);
			writeFileSync(at('extensions'), 'extendedKeyUsage=emailProtection\nbasicConstraints=critical,CA:FALSE\n');
		}
		const request = ['req', '-new', '-subj', `/CN=${name} in a token`, '-key', at('root.key'), '-out', at('request')];
		execFileSync('openssl', request, quiet);
		const issuer = ['-CA', at('root.pem'), '-CAkey', at('root.key'), '-days', '100', '-extfile', at('extensions')];
		const words = ['x509', '-req', '-in', at('request'), '-force_pubkey', at(`${name}.pub`), ...issuer];
		execFileSync('openssl', [...words, '-out', at(`${name}.pem`)], quiet);
		assert.ok(new X509Certificate(readFileSync(at(`${name}.pem`))).subject.includes(name));
	}

	async function run(...words: readonly string[]) {
		const terminal = recordingTerminal();
		const command = updateCommands(terminal, fileKeys);
		for (const each of [command, ...command.commands]) each.exitOverride();
		await command.parseAsync([...words], { from: 'user' });
		return terminal;
	}
	const withKey = (name: string, pinFile = token.pinFile) => {
		const key = ['--key', token.uri(name), '--cert', at(`${name}.pem`)];
		return [...key, '--pin-file', pinFile, '--pkcs11-module', token.module];
	};
	const pack = (output: string, ...more: string[]) => run('pack', at('spec.yaml'), '-o', at(output), ...more);

	for (const name of ['rsa', 'p256', 'p384']) {
		it(`verify here and with openssl (${name})`, async () => {
			const packed = await pack('x.swu', ...withKey(name));
			assert.match(packed.stdoutText, new RegExp(`signed by CN=${name} in a token`));
			assert.equal((await run('verify', at('x.swu'), '--cert', at('root.pem'))).exitCode, 0);
			const { descriptionBytes, signature } = await readUpdate(at('x.swu'));
			writeFileSync(at('d'), descriptionBytes);
			writeFileSync(at('d.sig'), signature as Uint8Array);
			const words = [
				'-inform',
				'DER',
				'-in',
				at('d.sig'),
				'-content',
				at('d'),
				'-CAfile',
				at('root.pem'),
				'-out',
				'/dev/null',
			];
			assert.equal(spawnSync('openssl', ['cms', '-verify', '-binary', ...words]).status, 0);
		});
	}

	it('are the same bytes every time with RSA, also when signed apart', async () => {
		await pack('x.swu', ...withKey('rsa'));
		await pack('u.swu', '--unsigned');
		await run('sign', at('u.swu'), '-o', at('y.swu'), ...withKey('rsa'));
		assert.deepEqual(readFileSync(at('y.swu')), readFileSync(at('x.swu')));
	});

	it('have raw signatures too', async () => {
		for (const kind of ['rsa', 'rsa-pss']) {
			await pack('x.swu', '--signature', kind, ...withKey('rsa'));
			const { stdoutText } = await run('verify', at('x.swu'), '--public-key', at('rsa.pub'));
			assert.match(stdoutText, new RegExp(`raw signature: ${kind}\n`));
		}
	});

	it('are not written with a wrong PIN, an Ed25519 key or a certificate of another key', async () => {
		const before = readdirSync(directory).sort();
		const refused = (promise: Promise<unknown>, code: string, message: RegExp) =>
			assert.rejects(promise, { code, message });
		await refused(pack('z.swu', ...withKey('rsa', token.wrongPinFile)), 'token-pin-refused', /tried once/);
		await refused(pack('z.swu', ...withKey('ed25519')), 'key-unusable', /is ed25519; usable are/);
		const other = ['--key', token.uri('rsa'), '--cert', at('p256.pem')];
		const rest = ['--pin-file', token.pinFile, '--pkcs11-module', token.module];
		await refused(pack('z.swu', ...other, ...rest), 'key-unusable', /pkcs11:token=release\S+ and the certificate/);
		assert.deepEqual(readdirSync(directory).sort(), before);
	});
});
