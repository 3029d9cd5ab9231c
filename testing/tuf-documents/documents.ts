// Trust metadata for tests: keys that a name makes, documents signed by them, and a small repository whose documents a
// test exchanges one by one. The keys are anybody's: nothing outside of tests may trust them.

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { trustHash, trustKeyOf, trustSha256, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { TrustedSet } from '../../src/trust/rules/client/trusted-set.ts';
import { TrustFailure, type TrustFailureCode } from '../../src/trust/rules/metadata/failure.ts';
import { keyIdOf } from '../../src/trust/rules/metadata/keys.ts';
import {
	makeRoot,
	makeSnapshot,
	makeTargets,
	makeTimestamp,
	payloadToSign,
	serializeMetadata,
	unsigned,
	withSignature,
} from '../../src/trust/rules/metadata/make.ts';
import type { Keys, Metadata, RoleKeys, Signed, TrustKey } from '../../src/trust/rules/metadata/model.ts';

export interface TestKey {
	readonly keyid: string;
	readonly key: TrustKey;
	readonly privateKey: KeyObject;
}

/** An Ed25519 key, the same each time for the same name. */
export function testKey(name: string): TestKey {
	const seed = createHash('sha256').update(`caisson test key ${name}`).digest();
	const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
	const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
	const key = trustKeyOf(createPublicKey(privateKey));
	return { keyid: keyIdOf(key, trustSha256), key, privateKey };
}

export function keysOf(...keys: readonly TestKey[]): Keys {
	return Object.fromEntries(keys.map(({ keyid, key }) => [keyid, key]));
}

export function roleOf(threshold: number, ...keys: readonly TestKey[]): RoleKeys {
	return { keyids: keys.map(({ keyid }) => keyid), threshold };
}

/** The document with a signature by each key, under the id that the key has by default. */
export function signedDocument<S extends Signed>(signed: S, ...keys: readonly TestKey[]): Metadata<S> {
	const payload = payloadToSign(signed);
	return keys.reduce(
		(metadata, { keyid, privateKey }) =>
			withSignature(metadata, { keyid, sig: sign(null, payload, privateKey).toString('hex') }),
		unsigned(signed),
	);
}

/** The bytes of its file. */
export function signedBytes(signed: Signed, ...keys: readonly TestKey[]): Uint8Array {
	return serializeMetadata(signedDocument(signed, ...keys));
}

export const testNow = Date.parse('2026-06-01T00:00:00Z');
export const notExpired = '2026-07-01T00:00:00Z';
export const expired = '2026-05-01T00:00:00Z';

export const testKeys = {
	root1: testKey('root1'),
	root2: testKey('root2'),
	timestamp: testKey('timestamp'),
	snapshot: testKey('snapshot'),
	targets: testKey('targets'),
	other: testKey('other'),
};

type Fields<F extends (fields: never) => unknown> = Partial<Parameters<F>[0]>;

/** A root with two root keys, threshold 2, and one key for each other role. */
export function testRoot(fields: Fields<typeof makeRoot> = {}): ReturnType<typeof makeRoot> {
	const { root1, root2, timestamp, snapshot, targets } = testKeys;
	return makeRoot({
		version: 1,
		expires: notExpired,
		keys: keysOf(root1, root2, timestamp, snapshot, targets),
		roles: {
			root: roleOf(2, root1, root2),
			timestamp: roleOf(1, timestamp),
			snapshot: roleOf(1, snapshot),
			targets: roleOf(1, targets),
		},
		...fields,
	});
}

export function rootBytes(fields?: Fields<typeof makeRoot>): Uint8Array {
	return signedBytes(testRoot(fields), testKeys.root1, testKeys.root2);
}

export function timestampBytes(fields: Fields<typeof makeTimestamp> = {}): Uint8Array {
	const signed = makeTimestamp({ version: 1, expires: notExpired, snapshot: { version: 1 }, ...fields });
	return signedBytes(signed, testKeys.timestamp);
}

export function snapshotBytes(fields: Fields<typeof makeSnapshot> = {}): Uint8Array {
	const signed = makeSnapshot({ version: 1, expires: notExpired, meta: { 'targets.json': { version: 1 } }, ...fields });
	return signedBytes(signed, testKeys.snapshot);
}

export function targetsBytes(fields: Fields<typeof makeTargets> = {}, key: TestKey = testKeys.targets): Uint8Array {
	return signedBytes(makeTargets({ version: 1, expires: notExpired, targets: {}, ...fields }), key);
}

/** A set that trusts `root`, with the time of the tests. */
export function testTrustedSet(root: Uint8Array = rootBytes(), now: number = testNow): TrustedSet {
	return new TrustedSet(root, { now, verify: verifyTrustSignature, hash: trustHash });
}

/** For assert.throws: a failure with this code, and with these fields of its detail. */
export function failsWith(
	code: TrustFailureCode,
	detail: Readonly<Record<string, unknown>> = {},
): (error: unknown) => boolean {
	return (error) => {
		if (!(error instanceof TrustFailure)) throw error;
		const found: Readonly<Record<string, unknown>> = { code: error.code, ...error.detail };
		const wanted: Readonly<Record<string, unknown>> = { code, ...detail };
		const differing = Object.keys(wanted).filter((name) => found[name] !== wanted[name]);
		if (differing.length > 0)
			throw new Error(`it failed with ${JSON.stringify(found)}: ${error.message}`, { cause: error });
		return true;
	};
}
