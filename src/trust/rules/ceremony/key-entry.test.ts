// Public keys as they are handed to a ceremony: what is accepted, and that no other bytes are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKey } from '../../../../testing/tuf-repository/keys.ts';
import { CaissonError } from '../../../errors.ts';
import { trustSha256 } from '../../../outside/signer/trust-verify.ts';
import { entriesOf, type KeyEntry, keyEntryText, keyName, labelOf, listedKey, readKeyEntry } from './key-entry.ts';

const { key, keyid } = newKey();
const entry: KeyEntry = { label: 'alice', holder: 'Alice Ä.', keyid, key, uri: 'pkcs11:token=x;object=alice' };
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const read = (value: unknown) => readKeyEntry(bytes(value), 'alice.public.json', trustSha256);

test('a key file is read as it was written', () => {
	assert.deepEqual(read(keyEntryText(entry)), entry);
	assert.deepEqual(read({ label: 'bob', keyid, key }), { label: 'bob', keyid, key });
});

test('a document keeps the label, and the id does not depend on it', () => {
	const listed = listedKey(entry);
	assert.equal(labelOf(listed), 'alice');
	assert.deepEqual(entriesOf({ [keyid]: listed }), [{ label: 'alice', keyid, key }]);
	assert.equal(keyName(keyid, { [keyid]: listed }), 'alice');
	assert.equal(keyName(keyid, {}), keyid.slice(0, 16));
});

test('a label that could deceive is not shown', () => {
	for (const label of ['\u001b[2J', 'a b', '', 'x'.repeat(65), 7]) {
		assert.equal(labelOf({ ...key, 'x-caisson-label': label } as never), undefined);
	}
});

const bad: readonly [string, unknown, RegExp][] = [
	['is no JSON', '{', /is no public key of a ceremony/],
	['is a list', [], /it is no JSON object/],
	['has a field too many', { ...entry, private: 'x' }, /the field "private" is not known/],
	['has a label with a slash', { ...entry, label: '../x' }, /label is a name/],
	['has a holder on two lines', { ...entry, holder: 'a\nb' }, /holder is a text on one line/],
	['has another id than its key', { ...entry, keyid: '00'.repeat(32) }, /the file was changed/],
	['has no key', { label: 'a', keyid }, /key needs keytype/],
	['has a key of an unknown kind', { ...entry, key: { ...key, scheme: 'rot13' } }, /cannot be verified/],
	['is too long', `${keyEntryText(entry)}${' '.repeat(70_000)}`, /65536 are allowed/],
];
for (const [title, value, rule] of bad) {
	test(`a key file that ${title} is refused`, () => {
		assert.throws(
			() => read(value),
			(error) => error instanceof CaissonError && error.code === 'key-unusable' && rule.test(error.message),
		);
	});
}

test('no damaged key file is read as another key', () => {
	const good = bytes(keyEntryText(entry));
	let seed = 7;
	const random = (below: number) => {
		seed = (seed * 1103515245 + 12345) % 2147483648;
		return seed % below;
	};
	for (let round = 0; round < 3000; round++) {
		const damaged = good.slice(0, random(5) === 0 ? random(good.length) : good.length);
		for (let change = 0; change <= random(3); change++) damaged[random(damaged.length)] = random(256);
		try {
			assert.deepEqual(readKeyEntry(damaged, 'x', trustSha256).key, key);
		} catch (error) {
			assert.ok(error instanceof CaissonError && error.code === 'key-unusable', String(error));
		}
	}
});
