import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Metadata as TufJsMetadata } from '@tufjs/models';
import { trustHash } from '../../../../src/outside/signer/trust-verify.ts';
import {
	failsWith,
	keysOf,
	notExpired,
	roleOf,
	rootBytes,
	signedBytes,
	snapshotBytes,
	targetsBytes,
	testKey,
	testKeys,
	testRoot,
	timestampBytes,
} from '../../../../testing/tuf-documents/documents.ts';
import { canonicalText } from './canonical.ts';
import {
	makeRoot,
	makeTargets,
	metaFile,
	nextVersion,
	payloadToSign,
	serializeMetadata,
	unsigned,
	withoutSignature,
	withSignature,
} from './make.ts';
import type { TrustKey } from './model.ts';
import { readMetadata } from './read.ts';
import { hybridFault, roleFaults } from './role-rules.ts';

const dated = { version: 1, expires: notExpired };

describe('making documents', () => {
	it('gives documents that tuf-js reads and finds signed by their keys', () => {
		const parse = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
		const root = TufJsMetadata.fromJSON('root' as never, parse(rootBytes())) as unknown as Verifier;
		root.verifyDelegate('root', root);
		root.verifyDelegate('timestamp', TufJsMetadata.fromJSON('timestamp' as never, parse(timestampBytes())));
		root.verifyDelegate('snapshot', TufJsMetadata.fromJSON('snapshot' as never, parse(snapshotBytes())));
		const odd = { 'é "\\\n😀': { length: 0, hashes: { sha256: 'aa' }, custom: { z: [1, { b: null, a: true }] } } };
		root.verifyDelegate('targets', TufJsMetadata.fromJSON('targets' as never, parse(targetsBytes({ targets: odd }))));
		const other = TufJsMetadata.fromJSON('targets' as never, parse(targetsBytes({}, testKeys.other)));
		assert.throws(() => root.verifyDelegate('targets', other), /signed by/);
	});

	it('refuses what reading would refuse', () => {
		const { keys, roles } = testRoot();
		assert.throws(
			() => makeRoot({ ...dated, version: 0, keys, roles }),
			failsWith('trust-metadata-malformed', { role: 'root' }),
		);
		assert.throws(
			() => makeTargets({ ...dated, expires: 'tomorrow', targets: {} }),
			failsWith('trust-metadata-malformed'),
		);
		assert.throws(
			() => makeTargets({ ...dated, targets: { a: { length: 1, hashes: {} } } }),
			failsWith('trust-metadata-malformed'),
		);
	});

	it('makes the next version of another maker’s document with the fields that only he knows', () => {
		const path = join(import.meta.dirname, '../../../../testdata/trust/metadata/repository/3.root.json');
		const metadata = readMetadata('root', readFileSync(path));
		const next = nextVersion(metadata.signed, { expires: '2101-01-01T00:00:00Z' });
		const expected = { ...JSON.parse(readFileSync(path, 'utf8')).signed, version: 4, expires: '2101-01-01T00:00:00Z' };
		assert.equal(canonicalText(next), canonicalText(expected));
		assert.ok(Object.isFrozen(next));
		assert.throws(() => nextVersion(next, { version: -1 }), failsWith('trust-metadata-malformed'));
	});

	it('describes a file by its version, and by length and hash where the bytes are given', () => {
		assert.deepEqual(metaFile(7), { version: 7 });
		const bytes = new TextEncoder().encode('abc');
		assert.deepEqual(metaFile(7, bytes), { version: 7, length: 3 });
		assert.deepEqual(metaFile(7, bytes, trustHash).hashes, { sha256: trustHash('sha256', bytes) });
	});
});

describe('signatures of a document', () => {
	const [a, b] = [testKey('a'), testKey('b')];
	const document = unsigned(makeTargets({ ...dated, targets: {} }));

	it('are added, replaced in their place and taken away by key id; everything else stays', () => {
		const envelope = { ...document, 'x-note': 'kept' };
		const both = withSignature(withSignature(envelope, { keyid: a.keyid, sig: '01' }), { keyid: b.keyid, sig: '02' });
		const again = withSignature(both, { keyid: a.keyid, sig: '03' });
		assert.deepEqual(
			again.signatures.map(({ keyid, sig }) => [keyid, sig]),
			[
				[a.keyid, '03'],
				[b.keyid, '02'],
			],
		);
		assert.deepEqual(
			withoutSignature(again, a.keyid).signatures.map(({ sig }) => sig),
			['02'],
		);
		assert.equal(JSON.parse(new TextDecoder().decode(serializeMetadata(again)))['x-note'], 'kept');
		assert.deepEqual(document.signatures, []);
	});

	it('are over the same bytes before and after the document was a file', () => {
		const signed = makeTargets({ ...dated, targets: { '__proto__\u0001é': { length: 1, hashes: { sha256: 'aa' } } } });
		const read = readMetadata('targets', signedBytes(signed, a)).signed;
		assert.deepEqual(payloadToSign(read), payloadToSign(signed));
	});
});

describe('the keys of a role that is made', () => {
	const postQuantum = (n: number): TrustKey => ({
		keytype: 'ml-dsa',
		scheme: 'ml-dsa-65/1',
		keyval: { public: `p${n}` },
	});
	const classic = (n: number) => testKey(String(n)).key;

	it('must be there, be distinct, be verifiable and reach the threshold', () => {
		const { root1, root2 } = testKeys;
		const keys = { ...keysOf(root1, root2), alias: root1.key, odd: { keytype: 'x', scheme: 'y', keyval: {} } };
		assert.deepEqual(roleFaults('root', keys, roleOf(2, root1, root2)), []);
		assert.match(roleFaults('root', keys, roleOf(3, root1, root2)).join(), /has 2 keys and a threshold of 3/);
		const alias = roleFaults('root', keys, { keyids: [root1.keyid, 'alias'], threshold: 2 });
		assert.match(alias.join(), /"alias" of the role "root" is listed under two ids.*has 1 keys/);
		assert.match(
			roleFaults('root', keys, { keyids: ['gone', root1.keyid], threshold: 1 }).join(),
			/"gone", which is not in/,
		);
		assert.match(
			roleFaults('root', keys, { keyids: ['odd'], threshold: 1 }).join(),
			/"x\/y", which cannot be verified/,
		);
	});

	it('of two kinds are hybrid only when neither kind reaches the threshold alone', () => {
		const mixed = [classic(1), classic(2), postQuantum(1)];
		assert.match(
			hybridFault('root', mixed, 2) ?? '',
			/2 classic and 1 post-quantum keys and a threshold of 2.*must be at least 3/,
		);
		assert.equal(hybridFault('root', mixed, 3), undefined);
		assert.match(hybridFault('root', [classic(1), postQuantum(1), postQuantum(2)], 2) ?? '', /at least 3/);
	});

	it('of two kinds leave a root that tuf-js reads, though it cannot count the post-quantum key', () => {
		const [a, b] = [testKey('a'), postQuantum(1)];
		const role = roleOf(1, a);
		const keys = { ...keysOf(a), pq: b };
		const roles = { root: { keyids: [a.keyid, 'pq'], threshold: 2 }, timestamp: role, snapshot: role, targets: role };
		const bytes = signedBytes(makeRoot({ ...dated, keys, roles }), a);
		const document = JSON.parse(new TextDecoder().decode(bytes));
		const read = TufJsMetadata.fromJSON('root' as never, document) as unknown as Verifier;
		assert.throws(() => read.verifyDelegate('root', read), /signed by 1\/2 keys/);
	});

	it('of one kind may have any threshold', () => {
		assert.equal(hybridFault('root', [classic(1), classic(2)], 1), undefined);
		assert.equal(hybridFault('root', [postQuantum(1), postQuantum(2)], 1), undefined);
	});
});

interface Verifier {
	verifyDelegate(role: string, metadata: unknown): void;
}
