// A root with classic and post-quantum keys in other clients: what docs/trust.md says of python-tuf and tuf-js is what they
// do. The role root has two keys, one of each kind, and both must sign.

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import type { Oracle, OracleAnswer } from '../../../testing/tuf-oracles/oracle.ts';
import { pythonTuf, pythonTufRoot, whyNoPythonTuf } from '../../../testing/tuf-oracles/python-tuf.ts';
import { tufJs } from '../../../testing/tuf-oracles/tuf-js.ts';
import { newKey, type TestKey } from '../../../testing/tuf-repository/keys.ts';
import { TufRepository } from '../../../testing/tuf-repository/repository.ts';
import { startFileServer } from '../../../testing/tuf-repository/server.ts';
import { trustKeyOf, trustSha256, verifyTrustSignature } from '../../outside/signer/trust-verify.ts';
import { standingOf } from '../rules/ceremony/standing.ts';
import { keyIdOf, mlDsaMessage } from '../rules/metadata/keys.ts';
import { readMetadata } from '../rules/metadata/read.ts';

function postQuantumKey(): TestKey {
	const { privateKey, publicKey } = generateKeyPairSync('ml-dsa-65');
	const key = trustKeyOf(publicKey);
	const keyid = keyIdOf(key, trustSha256);
	const sha512 = (bytes: Uint8Array) => createHash('sha512').update(bytes).digest();
	const signed = (message: Uint8Array) => sign(null, mlDsaMessage(message, sha512), privateKey).toString('hex');
	return { keyid, key, sign: (message) => ({ keyid, sig: signed(message) }) };
}

/** Root 1 is classic; root 2 has a second key, and both must sign from then on. */
function rotatedTo(second: TestKey): TufRepository {
	const repository = new TufRepository();
	repository.addKey('root', second);
	repository.root.roles.root.threshold = 2;
	repository.publishRoot();
	return repository;
}

async function ask(repository: TufRepository, oracle: Oracle): Promise<OracleAnswer> {
	const server = await startFileServer(repository.source);
	try {
		const urls = { metadataUrl: `${server.url}/metadata/`, targetUrl: `${server.url}/targets/` };
		return await oracle({ ...urls, root: repository.firstRoot });
	} finally {
		await server.close();
	}
}

test('Caisson counts both kinds', () => {
	const { roots } = rotatedTo(postQuantumKey());
	const documents = roots.map((bytes) => ({ role: 'root', metadata: readMetadata('root', bytes) }));
	const { roles } = standingOf(documents, Date.now(), { verify: verifyTrustSignature, sha256: trustSha256 });
	assert.deepEqual(
		roles[1]?.checks.map(({ signed, missing }) => [signed.length, missing]),
		[
			[1, 0],
			[2, 0],
		],
	);
});

test('tuf-js reads the root, counts only the classic key, and stops there', async () => {
	const answer = await ask(rotatedTo(postQuantumKey()), tufJs());
	assert.equal(answer.accepted, false);
	assert.match(answer.error?.message ?? '', /signed by 1\/2 keys|1 of 2|threshold/i);
	assert.equal(answer.versions.root, 1);
	assert.equal((await ask(rotatedTo(newKey('ecdsa-p384')), tufJs())).accepted, true);
});

test('python-tuf cannot read the root, and stops there', { skip: await whyNoPythonTuf() }, async () => {
	const python = pythonTuf(await pythonTufRoot());
	const answer = await ask(rotatedTo(postQuantumKey()), python);
	assert.equal(answer.accepted, false);
	assert.equal(answer.error?.kind, 'DeserializationError');
	assert.equal(answer.versions.root, 1);
	assert.equal((await ask(rotatedTo(newKey('ecdsa-p384')), python)).accepted, true);
});
