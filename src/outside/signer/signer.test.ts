// Signing with keys in files and checking signatures, with OpenSSL's own program on the other side.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CaissonError } from '../../errors.ts';
import type { CertificateFacts, CertificatePurpose, SignerFacts } from '../../update/signer.ts';
import { fileKeys } from './keys.ts';

const key = (name: string) => fileURLToPath(new URL(`../../../testdata/update/keys/${name}`, import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'caisson-signer-'));
after(() => rmSync(directory, { recursive: true }));

const now = Date.parse('2030-01-01');
const content = new TextEncoder().encode('software = { version = "1"; };\r\n\n');
const files = (name: string) => ({ keyFile: key(`${name}.key.pem`), certificateFile: key(`${name}.cert.pem`) });
const sign = async (name: string, purpose: CertificatePurpose = 'emailProtection') =>
	(await fileKeys.openSigner({ ...files(name), purpose })).sign(content);
const verify = (signature: Uint8Array, trusted: string, rest: { now?: number; purpose?: CertificatePurpose } = {}) =>
	fileKeys.verify(signature, content, { certificateFile: key(`${trusted}.cert.pem`), now, ...rest });

const subjectOf = (signer: SignerFacts | undefined) => (signer as CertificateFacts | undefined)?.subject ?? '';

function written(name: string, bytes: Uint8Array | string): string {
	const file = join(directory, name);
	writeFileSync(file, bytes);
	return file;
}

function hasOpenssl(context: TestContext): boolean {
	if (spawnSync('openssl', ['version']).status === 0) return true;
	context.skip('openssl is not installed (Debian package openssl)');
	return false;
}

/** openssl's exit code for a signature over `content`. */
function opensslVerify(signature: Uint8Array, trusted: string, purpose: string[] = []): number | null {
	const args = ['cms', '-verify', '-binary', '-inform', 'DER', '-in', written('x.sig', signature), '-out', '/dev/null'];
	return spawnSync('openssl', [...args, '-content', written('x', content), '-CAfile', trusted, ...purpose]).status;
}

async function unusable(options: Parameters<typeof fileKeys.openSigner>[0], message: RegExp): Promise<void> {
	await assert.rejects(fileKeys.openSigner(options), { code: 'key-unusable', message });
}

describe('file signer', () => {
	for (const name of ['rsa', 'p256', 'p384']) {
		it(`makes a signature that openssl accepts, and only for these bytes (${name})`, async (context) => {
			if (!hasOpenssl(context)) return;
			const signature = await sign(name);
			assert.equal(opensslVerify(signature, key(`${name}.cert.pem`)), 0);
			assert.notEqual(opensslVerify(signature, key('code.cert.pem')), 0);
			written('y', 'other');
			const args = [
				'cms',
				'-verify',
				'-binary',
				'-inform',
				'DER',
				'-in',
				join(directory, 'x.sig'),
				'-out',
				'/dev/null',
			];
			const other = spawnSync('openssl', [
				...args,
				'-content',
				join(directory, 'y'),
				'-CAfile',
				key(`${name}.cert.pem`),
			]);
			assert.notEqual(other.status, 0);
		});
	}

	it('makes byte for byte what `openssl cms -sign -binary -noattr` makes with an RSA key', async (context) => {
		if (!hasOpenssl(context)) return;
		const output = join(directory, 'openssl.sig');
		const args = [
			'cms',
			'-sign',
			'-binary',
			'-noattr',
			'-outform',
			'DER',
			'-in',
			written('c', content),
			'-out',
			output,
		];
		execFileSync('openssl', [...args, '-signer', key('rsa.cert.pem'), '-inkey', key('rsa.key.pem')], { stdio: 'pipe' });
		assert.deepEqual(await sign('rsa'), new Uint8Array(readFileSync(output)));
	});

	it('says truly whether it signs the same bytes the same way', async () => {
		for (const name of ['rsa', 'p256']) {
			const signer = await fileKeys.openSigner(files(name));
			const [first, second] = [await signer.sign(content), await signer.sign(content)];
			assert.equal(Buffer.compare(first, second) === 0, signer.reproducible, name);
		}
	});

	it('opens an encrypted key with the passphrase of a file or a systemd credential, and says what is wrong otherwise', async () => {
		const encrypted = { keyFile: key('rsa-encrypted.key.pem'), certificateFile: key('rsa.cert.pem') };
		const signer = await fileKeys.openSigner({ ...encrypted, passphraseFile: key('passphrase') });
		assert.deepEqual(await signer.sign(content), await sign('rsa'));
		await unusable(encrypted, /needs a passphrase/);
		process.env.CREDENTIALS_DIRECTORY = directory;
		written('caisson-key-passphrase', readFileSync(key('passphrase')));
		const service = await fileKeys.openSigner(encrypted);
		delete process.env.CREDENTIALS_DIRECTORY;
		assert.deepEqual(await service.sign(content), await sign('rsa'));
		await unusable({ ...encrypted, passphraseFile: key('wrong-passphrase') }, /passphrase is wrong/);
		await unusable({ ...encrypted, passphraseFile: written('empty', '') }, /starts with an empty line/);
	});

	it('refuses a key and a certificate that do not belong together', async () => {
		await unusable({ keyFile: key('p256.key.pem'), certificateFile: key('code.cert.pem') }, /do not belong together/);
		await unusable({ keyFile: key('rsa.key.pem'), certificateFile: key('p256.cert.pem') }, /do not belong together/);
	});

	it('refuses a certificate that SWUpdate would not take for the purpose, before anything is signed', async () => {
		await unusable(files('server'), /is not for signing updates: SWUpdate wants .* emailProtection/);
		await unusable(files('no-sign'), /is not for signing updates/);
		await unusable(files('code'), /is for codeSigning.*pass --cert-purpose codeSigning here too/);
		assert.ok((await sign('code', 'codeSigning')).length > 0);
	});

	it('refuses keys that are weak, of another kind, or no keys', async () => {
		await unusable(files('rsa1024'), /RSA with 1024 bits; at least 2048/);
		await unusable(files('p521'), /elliptic-curve key on secp521r1/);
		const certificateFile = key('rsa.cert.pem');
		await unusable({ keyFile: key('rsa.cert.pem'), certificateFile }, /is not a private key in PEM/);
		const cut = readFileSync(key('rsa.key.pem'), 'utf8').slice(0, 400);
		await unusable({ keyFile: written('cut.pem', cut), certificateFile }, /is damaged/);
		await unusable({ ...files('rsa'), certificateFile: key('rsa.key.pem') }, /is not an X.509 certificate/);
		await assert.rejects(fileKeys.openSigner({ keyFile: '/nowhere', certificateFile }), { code: 'file-unusable' });
	});

	it('warns of a key file that others can read', async () => {
		const keyFile = join(directory, 'open.pem');
		copyFileSync(key('rsa.key.pem'), keyFile);
		const warnings: string[] = [];
		const open = () =>
			fileKeys.openSigner({ keyFile, certificateFile: key('rsa.cert.pem'), warn: (text) => warnings.push(text) });
		chmodSync(keyFile, 0o600);
		await open();
		assert.deepEqual(warnings, []);
		chmodSync(keyFile, 0o640);
		await open();
		assert.match(warnings[0] ?? '', /can be read by others.*chmod 0600/);
	});
});

describe('verification of signatures', () => {
	it('accepts what the trusted signer signed, and names the signer', async () => {
		for (const name of ['rsa', 'p256', 'p384']) {
			const verdict = await verify(await sign(name), name);
			assert.equal(verdict.valid, true);
			assert.match(subjectOf(verdict.signers[0]), /^O=Caisson tests, CN=.* signer$/);
		}
	});

	it('accepts what openssl signs, with signed attributes and with RSA-PSS', async (context) => {
		if (!hasOpenssl(context)) return;
		for (const options of [[], ['-noattr'], ['-keyopt', 'rsa_padding_mode:pss'], ['-keyid'], ['-md', 'sha512']]) {
			const output = join(directory, 'attributes.sig');
			const args = ['cms', '-sign', '-binary', '-outform', 'DER', '-in', written('c', content), '-out', output];
			const keys = ['-signer', key('rsa.cert.pem'), '-inkey', key('rsa.key.pem')];
			execFileSync('openssl', [...args, ...keys, ...options], { stdio: 'pipe' });
			const signature = new Uint8Array(readFileSync(output));
			assert.equal((await verify(signature, 'rsa')).valid, true, options.join(' '));
			const other = await fileKeys.verify(signature, new Uint8Array([1]), {
				certificateFile: key('rsa.cert.pem'),
				now,
			});
			assert.equal(other.valid, false, options.join(' '));
		}
	});

	it('follows the chain to a trusted root, and agrees with openssl about what is trusted', async (context) => {
		if (!hasOpenssl(context)) return;
		const signature = await sign('issued');
		for (const [trusted, valid] of [
			['root', true],
			['issued', false],
			['rsa', false],
		] as const) {
			assert.equal((await verify(signature, trusted)).valid, valid, trusted);
			assert.equal(opensslVerify(signature, key(`${trusted}.cert.pem`)) === 0, valid, `openssl: ${trusted}`);
		}
		const both = written(
			'both.pem',
			readFileSync(key('rsa.cert.pem'), 'utf8') + readFileSync(key('root.cert.pem'), 'utf8'),
		);
		assert.equal((await fileKeys.verify(signature, content, { certificateFile: both, now })).valid, true);
	});

	const refusals: readonly (readonly [what: string, RegExp, () => Promise<{ valid: boolean; reason?: string }>])[] = [
		['another signer', /is not trusted/, async () => verify(await sign('p384'), 'p256')],
		[
			'an expired certificate',
			/expired on 21/,
			async () => verify(await sign('rsa'), 'rsa', { now: Date.parse('2300-01-01') }),
		],
		['a certificate of the future', /valid only from/, async () => verify(await sign('rsa'), 'rsa', { now: 0 })],
		[
			'a certificate for another purpose',
			/is not for emailProtection/,
			async () => verify(await sign('code', 'codeSigning'), 'code'),
		],
		[
			'other bytes',
			/does not belong to this sw-description/,
			async () => {
				const trust = { certificateFile: key('p256.cert.pem'), now };
				return fileKeys.verify(await sign('p256'), content.subarray(1), trust);
			},
		],
	];
	for (const [what, reason, judge] of refusals) {
		it(`refuses ${what}`, async () => {
			const verdict = await judge();
			assert.equal(verdict.valid, false);
			assert.match(verdict.reason ?? '', reason);
		});
	}

	it('answers a cut or changed signature with a refusal or update-malformed, and never accepts one', async () => {
		const signature = await sign('p256');
		const trusted = { certificateFile: key('p256.cert.pem'), now };
		const judged = async (bytes: Uint8Array) => {
			try {
				return (await fileKeys.verify(bytes, content, trusted)).valid;
			} catch (error) {
				assert.ok(error instanceof CaissonError && error.code === 'update-malformed', String(error));
				return false;
			}
		};
		for (let length = 0; length < signature.length; length += 11) {
			assert.equal(await judged(signature.subarray(0, length)), false, `cut at ${length}`);
		}
		// Changed in the last bytes, which are the signature value itself.
		for (let at = signature.length - 64; at < signature.length; at += 3) {
			const copy = signature.slice();
			copy[at] = (copy[at] as number) ^ 1;
			assert.equal(await judged(copy), false, `changed at ${at}`);
		}
		// Anywhere else: some fields (a version number) are not covered by the signature, so only that it answers.
		for (let at = 0; at < signature.length - 64; at += 5) {
			const copy = signature.slice();
			copy[at] = (copy[at] as number) ^ (1 << (at % 8));
			assert.equal(typeof (await judged(copy)), 'boolean');
		}
	});
});

describe('test key', () => {
	it('is a key and a certificate that sign updates, for a year', async () => {
		const made = await fileKeys.createTestKey(join(directory, 'trial'), { now, bits: 2048 });
		assert.equal(statSync(made.keyFile).mode & 0o777, 0o600);
		const signer = await fileKeys.openSigner(made);
		assert.match(subjectOf(signer.signers[0]), /test key \(not for production\)/);
		assert.deepEqual((signer.signers[0] as CertificateFacts).purposes, ['emailProtection', 'codeSigning']);
		const signature = await signer.sign(content);
		const trust = { certificateFile: made.certificateFile, now };
		assert.equal((await fileKeys.verify(signature, content, trust)).valid, true);
		assert.equal((await fileKeys.verify(signature, content, { ...trust, now: now + 400 * 86_400_000 })).valid, false);
	});

	it('is taken by openssl', async (context) => {
		if (!hasOpenssl(context)) return;
		const made = await fileKeys.createTestKey(join(directory, 'openssl'), { now: Date.now(), bits: 2048 });
		const signature = await (await fileKeys.openSigner(made)).sign(content);
		assert.equal(opensslVerify(signature, made.certificateFile), 0);
	});

	it('does not overwrite a key', async () => {
		const at = join(directory, 'twice');
		await fileKeys.createTestKey(at, { now, bits: 2048 });
		const before = readFileSync(join(at, 'test-key.pem'));
		await assert.rejects(fileKeys.createTestKey(at, { now, bits: 2048 }), {
			code: 'file-unusable',
			message: /test-key\.pem cannot be written \(it exists already\)/,
		});
		assert.deepEqual(readFileSync(join(at, 'test-key.pem')), before);
	});
});
