import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
	failsWith,
	keysOf,
	roleOf,
	signedDocument,
	testKeys,
	testRoot,
} from '../../../../testing/tuf-documents/documents.ts';
import { canonicalText } from './canonical.ts';
import { expiryTime } from './expiry.ts';
import { makeSnapshot, makeTargets, makeTimestamp, serializeMetadata } from './make.ts';
import type { MetadataType } from './model.ts';
import { readMetadata } from './read.ts';

const repository = join(import.meta.dirname, '../../../../testdata/trust/metadata/repository');
const dated = { version: 1, expires: '2030-01-01T00:00:00Z' };
const file = { length: 1, hashes: { sha256: 'aa' } };
const delegated = { name: 'a', ...roleOf(1, testKeys.other), terminating: false, paths: ['*'] };
const delegations = { keys: keysOf(testKeys.other), roles: [delegated, { ...delegated, name: 'b' }] };
const succinct = { ...roleOf(1, testKeys.other), bit_length: 8, name_prefix: 'bin' };

const good = {
	root: signedDocument(testRoot(), testKeys.root1, testKeys.root2),
	timestamp: signedDocument(makeTimestamp({ ...dated, snapshot: { version: 1, length: 2, hashes: { sha256: 'aa' } } })),
	snapshot: signedDocument(makeSnapshot({ ...dated, meta: { 'targets.json': { version: 1 } } }), testKeys.snapshot),
	targets: signedDocument(makeTargets({ ...dated, targets: { 'a b': file }, delegations })),
};

function typeOf(name: string): MetadataType {
	return (['root', 'timestamp', 'snapshot'] as const).find((type) => name.includes(type)) ?? 'targets';
}

/** The good document of the type with the value at `path` changed, or taken away where it is undefined. */
function changed(type: MetadataType, path: readonly (string | number)[], value: unknown): Uint8Array {
	const copy = JSON.parse(new TextDecoder().decode(serializeMetadata(good[type])));
	let place = copy;
	for (const name of path.slice(0, -1)) place = place[name];
	const last = path.at(-1) as string;
	if (value === undefined) delete place[last];
	else place[last] = value;
	return new TextEncoder().encode(JSON.stringify(copy));
}

describe('reading metadata', () => {
	it('keeps every field of what python-tuf wrote, known or not', () => {
		for (const name of readdirSync(repository)) {
			const bytes = readFileSync(join(repository, name));
			const metadata = readMetadata(typeOf(name), bytes);
			assert.equal(canonicalText(metadata), canonicalText(JSON.parse(bytes.toString())), name);
			assert.equal((metadata as unknown as Record<string, unknown>)['x-envelope'], 'kept');
		}
	});

	it('reads what was made here', () => {
		for (const type of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
			assert.equal(canonicalText(readMetadata(type, serializeMetadata(good[type]))), canonicalText(good[type]));
		}
		const bins = makeTargets({ ...dated, targets: {}, delegations: { keys: {}, succinct_roles: succinct } });
		assert.equal(
			readMetadata('targets', serializeMetadata(signedDocument(bins))).signed.delegations?.succinct_roles?.bit_length,
			8,
		);
	});

	it('accepts keys of types that it does not know, which then sign nothing', () => {
		const key = { keytype: 'sigstore-oidc', scheme: 'Fulcio', keyval: { identity: 'a', issuer: 'b' } };
		readMetadata('root', changed('root', ['signed', 'keys', 'x'], key));
	});

	const refused: readonly (readonly [MetadataType, readonly (string | number)[], unknown, RegExp])[] = [
		['root', ['signed'], undefined, /: the root metadata is malformed: signed: it is missing; an object is due$/],
		['root', ['signed'], [], /signed: an object is due/],
		['root', ['signatures'], {}, /signatures: an array is due/],
		['root', ['signatures', 1], testKeys.root1, /signatures\[1\].sig: it is missing/],
		['root', ['signatures', 1], good.root.signatures[0], /signatures\[1\]: the key id "[0-9a-f]{64}" signs twice/],
		['root', ['signed', '_type'], 'Root', /signed._type: it is "Root", not "root"/],
		['root', ['signed', 'spec_version'], '2.0.0', /spec_version: version 2.0.0 is not supported/],
		['root', ['signed', 'spec_version'], '1', /not of the form/],
		['root', ['signed', 'version'], 0, /signed.version: 0 is less than 1/],
		['root', ['signed', 'version'], '1', /signed.version: an integer is due/],
		['root', ['signed', 'expires'], '2030-01-01T00:00:00+00:00', /signed.expires: it is not a date and time/],
		['root', ['signed', 'consistent_snapshot'], 1, /consistent_snapshot: true or false is due/],
		[
			'root',
			['signed', 'keys', 'x'],
			{ keytype: 'ed25519', scheme: 'ed25519', keyval: {} },
			/keys.x.keyval.public: it is missing/,
		],
		['root', ['signed', 'keys', '\u202e'], 7, /keys\["\\u202e"\]: an object is due/],
		['root', ['signed', 'roles', 'snapshot'], undefined, /roles.snapshot: it is missing/],
		[
			'root',
			['signed', 'roles', 'other'],
			{ keyids: [], threshold: 1 },
			/roles.other: there is no such top-level role/,
		],
		['root', ['signed', 'roles', 'root', 'threshold'], 0, /roles.root.threshold: 0 is less than 1/],
		['root', ['signed', 'roles', 'root', 'keyids'], ['a', 'a'], /keyids\[1\]: the key id "a" stands there twice/],
		['timestamp', ['signed', 'meta', 'snapshot.json'], undefined, /meta\["snapshot.json"\]: it is missing/],
		['timestamp', ['signed', 'meta', 'targets.json'], { version: 1 }, /only snapshot.json/],
		['timestamp', ['signed', 'meta', 'snapshot.json', 'length'], -1, /length: -1 is less than 0/],
		['timestamp', ['signed', 'meta', 'snapshot.json', 'hashes'], {}, /hashes: it names no hash/],
		['snapshot', ['signed', 'meta', 'targets.json', 'version'], 0, /version: 0 is less than 1/],
		['snapshot', ['signed', 'meta'], [], /meta: an object is due/],
		['targets', ['signed', 'targets', 'a b', 'hashes'], undefined, /targets\["a b"\].hashes: it is missing/],
		['targets', ['signed', 'targets', 'a b', 'length'], null, /length: an integer is due/],
		['targets', ['signed', 'targets', 'a b', 'hashes', 'sha256'], 7, /sha256: a string is due/],
		[
			'targets',
			['signed', 'delegations', 'succinct_roles'],
			succinct,
			/delegations: it must have either roles or succinct_roles/,
		],
		['targets', ['signed', 'delegations', 'roles'], undefined, /delegations: it must have either/],
		['targets', ['signed', 'delegations', 'roles', 1, 'name'], 'a', /roles\[1\].name: the role "a" stands there twice/],
		['targets', ['signed', 'delegations', 'roles', 1, 'name'], '', /it is empty/],
		['targets', ['signed', 'delegations', 'roles', 1, 'name'], 'snapshot', /"snapshot" is a top-level role/],
		['targets', ['signed', 'delegations', 'roles', 1, 'terminating'], undefined, /terminating: it is missing/],
		['targets', ['signed', 'delegations', 'roles', 1, 'path_hash_prefixes'], [], /either paths or path_hash_prefixes/],
		['targets', ['signed', 'delegations', 'roles', 1, 'paths'], [1], /paths\[0\]: a string is due/],
		[
			'targets',
			['signed', 'delegations'],
			{ keys: {}, succinct_roles: { ...succinct, bit_length: 33 } },
			/33 is more than 32/,
		],
	];
	for (const [type, path, value, message] of refused) {
		it(`refuses ${JSON.stringify(value)?.slice(0, 40) ?? 'nothing'} at ${path.join('.')} of ${type}`, () => {
			const bytes = changed(type, path, value);
			assert.throws(() => readMetadata(type, bytes), failsWith('trust-metadata-malformed', { role: type }));
			assert.throws(() => readMetadata(type, bytes), message);
		});
	}

	it('refuses any value of a wrong type at any place, by its code, or takes it for an unknown field', () => {
		const wrong = [null, true, -1, 2 ** 40, '', 'x', [], {}, [[]], { a: null }];
		for (const type of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
			for (const path of places(JSON.parse(new TextDecoder().decode(serializeMetadata(good[type]))))) {
				for (const value of wrong) {
					const bytes = changed(type, path, value);
					try {
						assert.equal(
							canonicalText(readMetadata(type, bytes)),
							canonicalText(JSON.parse(new TextDecoder().decode(bytes))),
						);
					} catch (error) {
						assert.ok(failsWith('trust-metadata-malformed', { role: type })(error));
					}
				}
			}
		}
	});
});

function places(value: unknown, at: readonly string[] = []): (readonly string[])[] {
	const here = at.length === 0 ? [] : [at];
	if (typeof value !== 'object' || value === null) return here;
	return [...here, ...Object.entries(value).flatMap(([name, item]) => places(item, [...at, name]))];
}

describe('the time of expiry', () => {
	it('has one form, and days that exist', () => {
		assert.equal(expiryTime('2026-06-01T00:00:00Z'), Date.UTC(2026, 5, 1));
		assert.equal(expiryTime('2028-02-29T23:59:59Z'), Date.UTC(2028, 1, 29, 23, 59, 59));
		for (const text of [
			'2026-02-29T00:00:00Z',
			'2026-13-01T00:00:00Z',
			'2026-01-01T24:00:00Z',
			'2026-01-01T00:00:60Z',
			'2026-1-1T00:00:00Z',
			'2026-01-01T00:00:00.5Z',
			'2026-01-01 00:00:00Z',
			'2026-01-01T00:00:00z',
			'2026-01-01T00:00:00Z\n',
			'+002026-01-01T00:00:00Z',
			'',
			'٢٠٢٦-01-01T00:00:00Z',
		]) {
			assert.equal(expiryTime(text), undefined, text);
		}
	});
});
