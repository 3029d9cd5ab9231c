// The root of a director: made, followed, and kept apart from the keys of the image repository.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKey, type TestKey } from '../../../testing/tuf-repository/keys.ts';
import { TufRepository } from '../../../testing/tuf-repository/repository.ts';
import { trustHash, verifyTrustSignature } from '../../outside/signer/trust-verify.ts';
import { nextVersion, payloadToSign, serializeMetadata } from '../rules/metadata/make.ts';
import { readMetadata } from '../rules/metadata/read.ts';
import type { OnlineSigner } from '../signer.ts';
import { checkRoots, type DirectorKeys, firstRoot, refuseSharedKeys } from './setup.ts';

const options = { now: Date.now(), verify: verifyTrustSignature, hash: trustHash };
const expires = '2099-01-01T00:00:00Z';

const signer = (key: TestKey): OnlineSigner => ({
	keyid: key.keyid,
	key: key.key,
	sign: async (payload) => Buffer.from(key.sign(payload).sig, 'hex'),
});

function newKeys(root: readonly TestKey[], threshold = root.length): DirectorKeys {
	const [timestamp, snapshot, targets] = [signer(newKey()), signer(newKey()), signer(newKey())];
	return { root: root.map(signer), threshold, online: { timestamp, snapshot, targets } };
}

test('the first root is signed by all its keys, and lets the online keys sign', async () => {
	const keys = newKeys([newKey(), newKey()]);
	const root = checkRoots([await firstRoot(keys, expires)], keys.online, options);
	assert.equal(root.roles.root.threshold, 2);
	assert.deepEqual(root.roles.targets.keyids, [keys.online.targets.keyid]);
	assert.throws(() => checkRoots([], keys.online, options), { code: 'director-not-ready' });
});

test('a root of which a key is missing or stands twice, is not made', async () => {
	const key = newKey();
	await assert.rejects(firstRoot(newKeys([key], 2), expires), { code: 'configuration-invalid' });
	await assert.rejects(firstRoot(newKeys([key, key]), expires), { code: 'configuration-invalid' });
});

test('the next root is followed as a device follows it, and must let the online keys sign', async () => {
	const rootKey = newKey();
	const keys = newKeys([rootKey]);
	const first = await firstRoot(keys, expires);
	const { signed } = readMetadata('root', first);
	const other = newKeys([rootKey]).online.timestamp;
	const roles = { ...signed.roles, timestamp: { keyids: [other.keyid], threshold: 1 } };
	const next = nextVersion(signed, { roles, keys: { ...signed.keys, [other.keyid]: other.key } });
	const file = (by: TestKey) => serializeMetadata({ signatures: [by.sign(payloadToSign(next))], signed: next });
	const online = { ...keys.online, timestamp: other };
	assert.equal(checkRoots([first, file(rootKey)], online, options).version, 2);
	assert.throws(() => checkRoots([first, file(rootKey)], keys.online, options), { code: 'key-unusable' });
	assert.throws(() => checkRoots([first, file(newKey())], online, options), { code: 'trust-signature-threshold' });
});

test('no key of the image repository is one of the director', async () => {
	const image = new TufRepository();
	const [stolen] = image.signers.get('timestamp') ?? [];
	const keys = newKeys([newKey()]);
	refuseSharedKeys(keys, image.firstRoot);
	const shared = { ...keys, online: { ...keys.online, targets: signer(stolen as TestKey) } };
	assert.throws(() => refuseSharedKeys(shared, image.firstRoot), { code: 'director-key-shared' });
});
