import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { trustHash, verifyTrustSignature } from '../../../../src/outside/signer/trust-verify.ts';
import {
	failsWith,
	keysOf,
	notExpired,
	roleOf,
	signedDocument,
	testKey,
} from '../../../../testing/tuf-documents/documents.ts';
import { fileFault } from './file-check.ts';
import { makeTargets, withSignature } from './make.ts';
import type { Metadata } from './model.ts';
import { checkSignatures, hexBytes, verifyThreshold } from './threshold.ts';

const [a, b, c] = [testKey('a'), testKey('b'), testKey('c')];
const signed = makeTargets({ version: 3, expires: notExpired, targets: {} });
const keys = keysOf(a, b, c);

function check(metadata: Metadata, role = roleOf(2, a, b, c), given = keys) {
	return checkSignatures(given, role, metadata, verifyTrustSignature);
}

describe('a threshold', () => {
	it('is reached by that many distinct keys, and says who has signed', () => {
		const result = check(signedDocument(signed, a, c));
		assert.deepEqual(result, { threshold: 2, signed: [a.keyid, c.keyid], unsigned: [b.keyid], missing: 0 });
	});

	it('is not reached by fewer: the error says how many of how many', () => {
		assert.equal(check(signedDocument(signed, b)).missing, 1);
		assert.throws(
			() => verifyThreshold('releases', keys, roleOf(2, a, b, c), signedDocument(signed, b), verifyTrustSignature),
			failsWith('trust-signature-threshold', { role: 'releases', signed: 1, threshold: 2, offeredVersion: 3 }),
		);
	});

	it('is not reached by one key under two ids', () => {
		const twice = {
			...keysOf(a),
			alias: a.key,
			upper: { ...a.key, keyval: { public: a.key.keyval.public?.toUpperCase() ?? '' } },
		};
		const role = { keyids: [a.keyid, 'alias', 'upper'], threshold: 2 };
		const once = signedDocument(signed, a);
		const sig = once.signatures[0]?.sig ?? '';
		const all = withSignature(withSignature(once, { keyid: 'alias', sig }), { keyid: 'upper', sig });
		assert.deepEqual(check(all, role, twice), { threshold: 2, signed: [a.keyid], unsigned: [], missing: 1 });
	});

	it('is not reached by an id that stands twice among the signatures, even where reading let it through', () => {
		const once = signedDocument(signed, a);
		assert.equal(check({ ...once, signatures: [...once.signatures, ...once.signatures] }).missing, 1);
	});

	it('does not count keys that the role does not name, nor signatures over something else', () => {
		assert.equal(check(signedDocument(signed, a, b), roleOf(1, c)).missing, 1);
		const other = signedDocument(makeTargets({ version: 4, expires: notExpired, targets: {} }), a, b);
		assert.equal(check({ ...other, signed }).missing, 2);
	});

	it('is not disturbed by signatures that are no signatures, nor by ids without a key', () => {
		const good = signedDocument(signed, a, b);
		for (const sig of ['', 'zz', 'abc', '00', 'ff'.repeat(5000), 'é']) {
			assert.deepEqual(check(withSignature(good, { keyid: c.keyid, sig })).signed, [a.keyid, b.keyid]);
		}
		const role = { keyids: ['__proto__', 'constructor', 'gone', a.keyid, b.keyid], threshold: 2 };
		assert.equal(check(good, role).missing, 0);
	});

	it('counts the valid one of two ids of a key, in either order', () => {
		const twice = { ...keysOf(a), alias: a.key };
		const good = signedDocument(signed, a);
		for (const keyids of [
			['alias', a.keyid],
			[a.keyid, 'alias'],
		]) {
			const { signed, unsigned, missing } = check(good, { keyids, threshold: 1 }, twice);
			assert.deepEqual([signed, unsigned, missing], [[a.keyid], [], 0]);
		}
	});
});

describe('hex', () => {
	it('is bytes, or nothing where it is not hex', () => {
		assert.deepEqual(hexBytes('00fFa1'), new Uint8Array([0, 255, 161]));
		for (const text of ['', '0', '0g', ' 00', '00\n', '0x00'])
			assert.equal(hexBytes(text), undefined, JSON.stringify(text));
	});
});

describe('a file', () => {
	const bytes = new TextEncoder().encode('abc');
	const sha256 = trustHash('sha256', bytes) ?? '';

	it('fits by length and every hash that is named; what is absent is not demanded', () => {
		assert.equal(fileFault(bytes, {}, trustHash), undefined);
		assert.equal(
			fileFault(bytes, { length: 3, hashes: { sha256, sha512: trustHash('sha512', bytes) ?? '' } }, trustHash),
			undefined,
		);
		assert.match(fileFault(bytes, { length: 4 }, trustHash) ?? '', /it has 3 bytes; 4 are due/);
		assert.match(fileFault(bytes, { hashes: { sha256, sha512: 'aa' } }, trustHash) ?? '', /its sha512 is not/);
	});

	it('does not fit by a hash that cannot be checked', () => {
		assert.match(
			fileFault(bytes, { hashes: { sha256, 'blake2b-256': 'aa' } }, trustHash) ?? '',
			/"blake2b-256" cannot be checked/,
		);
		assert.match(
			fileFault(bytes, { hashes: { md5: '900150983cd24fb0d6963f7d28e17f72' } }, trustHash) ?? '',
			/cannot be checked/,
		);
	});
});
