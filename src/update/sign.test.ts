// Signing apart from packing, raw RSA signatures and several signers, with OpenSSL and GNU cpio on the other side.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fileKeys } from '../outside/signer/keys.ts';
import { type RecordingOptions, recordingTerminal } from '../terminal/recording-terminal.ts';
import { updateCommands } from './commands.ts';
import { readUpdate } from './read.ts';

const testdata = (name: string) => fileURLToPath(new URL(`../../testdata/update/${name}`, import.meta.url));
const key = (name: string) => testdata(`keys/${name}.key.pem`);
const cert = (name: string) => testdata(`keys/${name}.cert.pem`);
const withKey = (name: string) => ['--key', key(name), '--cert', cert(name)];

const root = mkdtempSync(join(tmpdir(), 'caisson-sign-'));
after(() => rmSync(root, { recursive: true }));
let directory: string;
let count = 0;
beforeEach(() => {
	directory = join(root, String(++count));
	mkdirSync(directory);
	for (const name of ['hello.txt', 'numbers.bin']) copyFileSync(testdata(`payload/${name}`), join(directory, name));
	writeFileSync(
		at('spec.yaml'),
		'version: 2.0\nhardware-compatibility: ["1.0"]\nfiles:\n  - { source: hello.txt, path: /h }\n' +
			'  - { source: numbers.bin, path: /n, compress: zstd }\n',
	);
});

const at = (name: string) => join(directory, name);
const sha256 = (name: string) =>
	createHash('sha256')
		.update(readFileSync(at(name)))
		.digest('hex');

async function run(words: readonly string[], options: RecordingOptions = {}) {
	const terminal = recordingTerminal(options);
	const command = updateCommands(terminal, fileKeys);
	for (const each of [command, ...command.commands]) each.exitOverride().configureOutput({ writeErr: () => {} });
	await command.parseAsync([...words], { from: 'user' });
	return terminal;
}
const pack = (output: string, ...more: string[]) => run(['pack', at('spec.yaml'), '-o', at(output), ...more]);
const sign = (from: string, to: string, ...more: string[]) => run(['sign', at(from), '-o', at(to), ...more]);
const verify = (file: string, ...trust: string[]) => run(['verify', at(file), ...trust]);

function openssl(context: TestContext, ...words: string[]): number | null | undefined {
	const { status, error } = spawnSync('openssl', words, { stdio: 'ignore' });
	if (error !== undefined) context.skip('openssl is not installed (Debian package openssl)');
	return error === undefined ? status : undefined;
}

/** Writes description and signature as files of their own. */
async function taken(file: string): Promise<void> {
	const { descriptionBytes, signature } = await readUpdate(at(file));
	writeFileSync(at('d'), descriptionBytes);
	writeFileSync(at('d.sig'), signature as Uint8Array);
}

describe('caisson update sign', () => {
	for (const cpio of ['crc', 'newc']) {
		it(`gives the bytes of packing and signing in one step (${cpio})`, async () => {
			await pack('whole.swu', '--cpio', cpio, ...withKey('rsa'));
			await pack('unsigned.swu', '--cpio', cpio, '--unsigned');
			await sign('unsigned.swu', 'signed.swu', ...withKey('rsa'));
			assert.equal(sha256('signed.swu'), sha256('whole.swu'));
			assert.equal((await verify('signed.swu', '--cert', cert('rsa'))).exitCode, 0);
		});
	}

	it('packs without a signature the same way every time, and verify says that it is missing', async () => {
		for (const name of ['a.swu', 'b.swu']) await pack(name, '--unsigned');
		assert.equal(sha256('a.swu'), sha256('b.swu'));
		const { stdoutText, exitCode } = await verify('a.swu', '--cert', cert('rsa'));
		assert.match(stdoutText, /not signed: its second member is not sw-description\.sig/);
		assert.equal(exitCode, 1);
	});

	it('replaces a signature, also in place, and leaves payloads as they are', async () => {
		await pack('x.swu', ...withKey('rsa'));
		const before = await readUpdate(at('x.swu'));
		const { stdoutText } = await sign('x.swu', 'x.swu', ...withKey('p256'));
		assert.match(stdoutText, /^Its signature is replaced\.$/m);
		const signed = await readUpdate(at('x.swu'));
		const payloads = ({ members }: typeof before) =>
			members.filter(({ name }) => name !== 'sw-description.sig').map(({ name, sha256: hash }) => [name, hash]);
		assert.deepEqual(payloads(signed), payloads(before));
		assert.equal((await verify('x.swu', '--cert', cert('p256'))).exitCode, 0);
		assert.equal((await verify('x.swu', '--cert', cert('rsa'))).exitCode, 1);
	});

	it('signs what GNU cpio packed anew, without touching the rest of it', async () => {
		copyFileSync(testdata('reference.swu'), at('reference.swu'));
		await sign('reference.swu', 'x.swu', ...withKey('p384'));
		assert.equal((await verify('x.swu', '--cert', cert('p384'))).exitCode, 0);
		const [old, now] = [await readUpdate(at('reference.swu')), await readUpdate(at('x.swu'))];
		const rest = (file: string, { members, end }: typeof old) =>
			readFileSync(at(file)).subarray(members[2]?.offset, end);
		assert.deepEqual(rest('x.swu', now), rest('reference.swu', old));
		const listed = spawnSync('cpio', ['--quiet', '-it', '--file', at('x.swu')], { encoding: 'utf8' });
		if (listed.error === undefined) {
			assert.deepEqual(listed.stdout.split('\n').slice(0, 3), ['sw-description', 'sw-description.sig', 'hello.txt']);
			assert.equal(listed.status, 0);
		}
	});

	it('shows what is signed before it signs', async () => {
		await pack('x.swu', '--unsigned');
		const { stdoutText, stderrText } = await sign('x.swu', 'y.swu', ...withKey('rsa'));
		assert.match(
			stdoutText,
			/^Member +Bytes +SHA-256\nsw-description .*\nhello\.txt .*\nnumbers\.bin\.zst .*\nVersion 2\.0 for the hardware 1\.0\./,
		);
		assert.match(
			stdoutText,
			/signed by O=Caisson tests, CN=RSA signer \(RSA 2048\)\.\n.*y\.swu: \d+ bytes, SHA-256 [0-9a-f]{64}\n$/,
		);
		assert.match(stderrText, /caisson update verify/);
		const json = JSON.parse((await sign('x.swu', 'y.swu', ...withKey('rsa'), '--format', 'json')).stdoutText);
		assert.deepEqual(Object.keys(json).sort(), ['output', 'sha256', 'signature', 'signers', 'size', 'version']);
		assert.equal(json.sha256, sha256('y.swu'));
	});

	it('does not sign payloads that are not what the description says, and writes nothing', async () => {
		await pack('x.swu', '--unsigned', '--cpio', 'newc');
		const bytes = readFileSync(at('x.swu'));
		bytes.write('J', bytes.indexOf('Hello, device.'));
		writeFileSync(at('x.swu'), bytes);
		for (const how of [withKey('rsa'), ['--extract-description']]) {
			await assert.rejects(sign('x.swu', 'y.swu', ...how), {
				code: 'update-malformed',
				message: /is not signed, because .*"hello\.txt" has SHA-256/,
			});
		}
		assert.deepEqual(readdirSync(directory).sort(), ['hello.txt', 'numbers.bin', 'spec.yaml', 'x.swu']);
	});

	it('lets only the description travel: extract, sign there, attach; the bytes are those of signing here', async () => {
		await pack('x.swu', '--unsigned');
		await sign('x.swu', 'd', '--extract-description');
		const there = await sign('d', 'd.sig', '--description', ...withKey('rsa'));
		assert.match(there.stderrText, /The payloads were not seen here/);
		await sign('x.swu', 'attached.swu', '--attach', at('d.sig'), '--cert', cert('rsa'));
		await sign('x.swu', 'signed.swu', ...withKey('rsa'));
		assert.equal(sha256('attached.swu'), sha256('signed.swu'));
	});

	it('attaches what openssl signed', async (context) => {
		await pack('x.swu', '--unsigned');
		await sign('x.swu', 'd', '--extract-description');
		const words = [
			'-outform',
			'DER',
			'-in',
			at('d'),
			'-out',
			at('d.sig'),
			'-signer',
			cert('p256'),
			'-inkey',
			key('p256'),
		];
		if (openssl(context, 'cms', '-sign', '-binary', '-noattr', ...words) !== 0) return;
		await sign('x.swu', 'y.swu', '--attach', at('d.sig'), '--cert', cert('p256'));
		assert.equal((await verify('y.swu', '--cert', cert('p256'))).exitCode, 0);
	});

	it('attaches no signature that the devices would refuse', async () => {
		await pack('x.swu', '--unsigned');
		await sign('x.swu', 'd', '--extract-description');
		await sign('d', 'd.sig', '--description', ...withKey('rsa'));
		const other = ['--attach', at('d.sig'), '--cert', cert('p256')];
		await assert.rejects(sign('x.swu', 'y.swu', ...other), { code: 'signature-invalid', message: /is not trusted/ });
		writeFileSync(at('spec.yaml'), readFileSync(at('spec.yaml'), 'utf8').replace('2.0', '2.1'));
		await pack('newer.swu', '--unsigned');
		const right = ['--attach', at('d.sig'), '--cert', cert('rsa')];
		await assert.rejects(sign('newer.swu', 'y.swu', ...right), {
			code: 'signature-invalid',
			message: /does not belong/,
		});
		assert.ok(!readdirSync(directory).includes('y.swu'));
	});

	it('says which options do not go together', async () => {
		for (const [words, message] of [
			[[], /A key is needed/],
			[['--key', key('rsa')], /1 --key and 0 --cert/],
			[['--extract-description', '--description'], /exclude each other/],
			[['--attach', 'x', ...withKey('rsa')], /No key is used here/],
			[['--attach', 'x'], /Say what the devices trust/],
		] as const) {
			await assert.rejects(sign('x.swu', 'y.swu', ...words), { code: 'usage-wrong', message });
		}
		await assert.rejects(pack('x.swu', '--unsigned', ...withKey('rsa')), { code: 'usage-wrong' });
		await assert.rejects(verify('x.swu'), { code: 'usage-wrong' });
	});
});

describe('raw RSA signatures', () => {
	const publicKey = () => {
		const made = spawnSync('openssl', ['pkey', '-in', key('rsa'), '-pubout', '-out', at('public.pem')]);
		return made.status === 0;
	};

	for (const [kind, options, reproducible] of [
		['rsa', [], true],
		['rsa-pss', ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:-2'], false],
	] as const) {
		it(`of the kind ${kind} are what openssl dgst -verify accepts`, async (context) => {
			if (!publicKey()) return context.skip('openssl is not installed (Debian package openssl)');
			for (const name of ['x.swu', 'y.swu']) await pack(name, '--signature', kind, '--key', key('rsa'));
			await taken('x.swu');
			const words = ['dgst', '-sha256', '-verify', at('public.pem'), '-signature', at('d.sig'), ...options];
			assert.equal(openssl(context, ...words, at('d')), 0);
			assert.notEqual(openssl(context, ...words, at('d.sig')), 0);
			assert.equal(sha256('x.swu') === sha256('y.swu'), reproducible);
			const { stdoutText, exitCode } = await verify('x.swu', '--public-key', at('public.pem'));
			assert.match(
				stdoutText,
				new RegExp(`^Good {2}signed by the public key [0-9a-f]{64} \\(RSA 2048\\), raw signature: ${kind}\n`),
			);
			assert.equal(exitCode, 0);
			assert.match(
				(await run(['inspect', at('x.swu')])).stdoutText,
				/raw RSA signature of 2048 bits, which names no signer/,
			);
		});
	}

	it('made by openssl dgst are attached, with any length of salt', async (context) => {
		if (!publicKey()) return context.skip('openssl is not installed (Debian package openssl)');
		await pack('x.swu', '--unsigned');
		await sign('x.swu', 'd', '--extract-description');
		const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:max'];
		for (const options of [[], pss]) {
			assert.equal(openssl(context, 'dgst', '-sha256', '-sign', key('rsa'), ...options, '-out', at('s'), at('d')), 0);
			await sign('x.swu', 'y.swu', '--attach', at('s'), '--public-key', at('public.pem'));
			assert.equal((await verify('y.swu', '--public-key', at('public.pem'))).exitCode, 0);
		}
	});

	it('are told from CMS, and refused where the other is expected', async (context) => {
		if (!publicKey()) return context.skip('openssl is not installed (Debian package openssl)');
		await pack('raw.swu', '--signature', 'rsa', '--key', key('rsa'));
		await pack('cms.swu', ...withKey('rsa'));
		const cms = await verify('raw.swu', '--cert', cert('rsa'));
		assert.match(cms.stdoutText, /raw RSA signature, not CMS: SWUpdate built for CMS refuses it/);
		const raw = await verify('cms.swu', '--public-key', at('public.pem'));
		assert.match(raw.stdoutText, /not a raw RSA signature: CMS signatures are checked with a certificate/);
		assert.deepEqual([cms.exitCode, raw.exitCode], [1, 1]);
	});

	it('need an RSA key of their certificate, and a public key to verify', async () => {
		const wrongKey = pack('x.swu', '--signature', 'rsa', '--key', key('p256'));
		await assert.rejects(wrongKey, { code: 'key-unusable', message: /needs an RSA key/ });
		const others = pack('x.swu', '--signature', 'rsa', '--key', key('rsa'), '--cert', cert('p256'));
		await assert.rejects(others, { code: 'key-unusable', message: /do not belong together/ });
		const two = pack('x.swu', '--signature', 'rsa', '--key', key('rsa'), '--key', key('p256'));
		await assert.rejects(two, { code: 'key-unusable', message: /has one signer/ });
		await pack('x.swu', '--signature', 'rsa', '--key', key('rsa'));
		for (const file of [key('rsa'), cert('rsa')]) {
			const trusted = verify('x.swu', '--public-key', file);
			await assert.rejects(trusted, { code: 'key-unusable', message: /is not a public key in PEM/ });
		}
	});
});

describe('several signers', () => {
	it('are all in one CMS signature, which openssl accepts when it trusts all of them', async (context) => {
		await pack('x.swu', ...withKey('rsa'), ...withKey('p256'), ...withKey('p384'));
		const { stdoutText } = await run(['inspect', at('x.swu')]);
		for (const name of ['RSA', 'P-256', 'P-384']) assert.match(stdoutText, new RegExp(`Signed by .*CN=${name} signer`));
		writeFileSync(at('all.pem'), ['rsa', 'p256', 'p384'].map((name) => readFileSync(cert(name), 'utf8')).join(''));
		writeFileSync(at('two.pem'), ['rsa', 'p256'].map((name) => readFileSync(cert(name), 'utf8')).join(''));
		await taken('x.swu');
		for (const [trusted, good] of [
			['all.pem', true],
			['two.pem', false],
		] as const) {
			assert.equal((await verify('x.swu', '--cert', at(trusted))).exitCode === 0, good, trusted);
			const words = [
				'-inform',
				'DER',
				'-in',
				at('d.sig'),
				'-content',
				at('d'),
				'-CAfile',
				at(trusted),
				'-out',
				'/dev/null',
			];
			const status = openssl(context, 'cms', '-verify', '-binary', ...words);
			if (status !== undefined) assert.equal(status === 0, good, `openssl: ${trusted}`);
		}
	});

	it('do not depend on the order in which they are named', async () => {
		copyFileSync(key('rsa'), at('rsa.key.pem'));
		await fileKeys.createTestKey(at('other'), { now: Date.now(), bits: 2048 });
		const second = ['--key', at('other/test-key.pem'), '--cert', at('other/test-certificate.pem')];
		await pack('x.swu', ...withKey('rsa'), ...second);
		await pack('y.swu', ...second, ...withKey('rsa'));
		assert.equal(sha256('x.swu'), sha256('y.swu'));
	});

	it('need a certificate each', async () => {
		const twice = pack('x.swu', ...withKey('rsa'), ...withKey('rsa'));
		await assert.rejects(twice, { code: 'key-unusable', message: /given twice/ });
	});
});
