// Keys of a server as its options name them: in files and in a token, and a repository that is signed by the token.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pino } from 'pino';
import { offerDocument } from '../../src/trust/repository/offer.ts';
import { openTemporary } from '../../testing/database/temporary-database.ts';
import { makeSoftToken, whyNoToken } from '../../testing/soft-token/soft-token.ts';
import { signedBytes, type TestKey } from '../../testing/tuf-documents/documents.ts';
import { tufJs } from '../../testing/tuf-oracles/tuf-js.ts';
import { openService, people, serviceRoot, serviceTargets } from '../../testing/tuf-service/service.ts';
import { readConfiguration } from './configuration.ts';
import { openTrustKeys } from './trust-keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-trust-keys-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const log = pino({ level: 'silent' });

const open = (values: Record<string, readonly string[]>) =>
	openTrustKeys(readConfiguration({ config: [], values }, { CAISSON_CONFIG: '/dev/null' }), log);

function keyFile(name: string, passphrase: string): string {
	const file = join(folder, name);
	const form = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
	writeFileSync(file, generateKeyPairSync('ed25519').privateKey.export(form), { mode: 0o600 });
	return file;
}

const passphraseFile = join(folder, 'passphrase');
writeFileSync(passphraseFile, 'correct horse\n', { mode: 0o600 });

test('without --trust-key there is none; two files are two keys, the same file twice is refused', async () => {
	assert.deepEqual(await open({}), []);
	const files = [keyFile('a.pem', 'correct horse'), keyFile('b.pem', 'correct horse')];
	const secret = { 'trust-passphrase-file': [passphraseFile] };
	const signers = await open({ 'trust-key': files, ...secret });
	assert.equal(new Set(signers.map(({ keyid }) => keyid)).size, 2);
	const copy = join(folder, 'copy.pem');
	copyFileSync(files[0] ?? '', copy);
	await assert.rejects(open({ 'trust-key': [files[0] ?? '', copy], ...secret }), {
		code: 'configuration-invalid',
		message: /a\.pem and .*copy\.pem are the same key/,
	});
	await assert.rejects(open({ 'trust-key': [keyFile('c.pem', 'another')], ...secret }), { code: 'key-unusable' });
});

const skip = whyNoToken();
test('a repository is signed by a key in a token, and a device accepts it', { skip: skip ?? false }, async () => {
	const token = makeSoftToken();
	const database = await openTemporary();
	try {
		const login = ['--module', token.module, '--token-label', token.label, '--login', '--pin', '271828'];
		const words = [...login, '--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'online', '--id', '01'];
		const made = spawnSync('pkcs11-tool', words, { encoding: 'utf8' });
		assert.equal(made.status, 0, made.stderr);
		const [signer] = await open({
			'trust-key': [token.uri('online')],
			'trust-pin-file': [token.pinFile],
			'trust-pkcs11-module': [token.module],
		});
		assert.ok(signer);
		const service = await openService(database.storage, { online: [signer], settings: { keptVersions: 1 } });
		try {
			// Documents only list it.
			const online = { keyid: signer.keyid, key: signer.key } as TestKey;
			const root = signedBytes(serviceRoot(1, { online }), people.anna, people.ben);
			await offerDocument(service.world, 'root', root, 'test');
			const targets = signedBytes(serviceTargets(1, { online }), people.clara);
			assert.equal((await offerDocument(service.world, 'targets', targets, 'test')).unpublished, undefined);
			await service.put(['a']);
			await service.publisher.publish('test');
			const seen = await service.seen(tufJs(), { root, targets: ['a'] });
			assert.equal(seen.error, null);
			assert.ok(seen.targets.a);
		} finally {
			service.close();
		}
	} finally {
		await database.destroy();
		token.remove();
	}
});
