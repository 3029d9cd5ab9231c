// Plans that people write: what is refused, with line and field, and that no text makes anything but a plan or a refusal.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writePerson } from '../../../testing/ceremony/people.ts';
import { CaissonError } from '../../errors.ts';
import { trustKeys } from '../../outside/signer/trust-keys.ts';
import { trustSha256 } from '../../outside/signer/trust-verify.ts';
import { readPlan } from './plan-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-plan-'));
after(() => rmSync(folder, { recursive: true }));
for (const name of ['a', 'b']) writePerson(folder, name);
const now = Date.parse('2030-01-01T00:00:00Z');
const world = { sha256: trustSha256, keys: trustKeys, now: () => now };
const file = join(folder, 'plan.yaml');

function read(text: string) {
	writeFileSync(file, text);
	return readPlan(file, [], world);
}
const keys = 'keys: [a.public.json, { file: b.public.json, holder: Berta }]\n';

test('keys are found beside the plan, expiries are days or a date, and the holder is kept', async () => {
	const plan = await read(
		`${keys}roles: { root: { keys: [a, b], threshold: 2, expires: 10d }, targets: { keys: [b], threshold: 1, expires: 2031-05-06 } }`,
	);
	assert.equal(plan.roles.root?.expires, now + 10 * 86_400_000);
	assert.equal(plan.roles.targets?.expires, Date.parse('2031-05-06T00:00:00Z'));
	assert.equal(plan.roles.root?.keys[1]?.holder, 'Berta');
});

const bad: readonly [string, string, RegExp][] = [
	['is empty', '', /is empty/],
	['is no YAML', 'keys: [', /plan\.yaml, line \d+/],
	['has an alias', 'keys: &a [a.public.json]\nroles: *a', /line 2: .* alias/],
	['has a field too many', 'kees: []', /line 1: kees is not known here. Did you mean "keys"\?/],
	[
		'names a key that nobody brought',
		`${keys}roles:\n  root: { keys: [c], threshold: 1 }`,
		/line 3: roles\.root\.keys\[0\]/,
	],
	['names a key twice', `${keys}roles:\n  root: { keys: [a, a], threshold: 1 }`, /names the key "a" twice/],
	['has no threshold', `${keys}roles:\n  root: { keys: [a] }`, /roles\.root needs the field threshold/],
	['has a threshold of 0', `${keys}roles: { root: { keys: [a], threshold: 0 } }`, /whole number from 1/],
	['has a threshold that is a text', `${keys}roles: { root: { keys: [a], threshold: '1' } }`, /whole number from 1/],
	[
		'lets a role of the server expire',
		`${keys}roles: { timestamp: { keys: [a], threshold: 1, expires: 9d } }`,
		/expires is not known/,
	],
	[
		'has a date that is none',
		`${keys}roles: { root: { keys: [a], threshold: 1, expires: 2030-02-30 } }`,
		/a number of days/,
	],
	[
		'has a delegation without paths',
		`${keys}delegations: [{ name: x, keys: [a], threshold: 1 }]`,
		/needs the field paths/,
	],
	['has two keys of one label', `keys: [a.public.json, other/a.public.json]`, /two keys with the label "a"/],
];
writePerson(join(folder, 'other'), 'a');
for (const [title, text, message] of bad) {
	test(`a plan that ${title} is refused`, async () => {
		await assert.rejects(read(text), (error) => {
			assert.ok(error instanceof CaissonError && error.code === 'trust-plan-invalid', String(error));
			assert.match(error.message, message);
			return true;
		});
	});
}

test('a key file that was changed on the way is refused', async () => {
	writePerson(folder, 'c');
	const { readFileSync } = await import('node:fs');
	const text = readFileSync(join(folder, 'c.public.json'), 'utf8');
	writeFileSync(join(folder, 'c.public.json'), text.replace(/"public": "(..)/, '"public": "00'));
	await assert.rejects(read('keys: [c.public.json]'), /keyid is not the id of the key: the file was changed/);
});

test('no damaged plan is anything but a plan or a refusal', async () => {
	const good = `${keys}roles: { root: { keys: [a, b], threshold: 2, expires: 10d } }\ndelegations:\n  - { name: x, keys: [a], threshold: 1, paths: every }\n`;
	let seed = 3;
	const random = (below: number) => {
		seed = (seed * 1103515245 + 12345) % 2147483648;
		return seed % below;
	};
	const pieces = ['&a ', '*a', '!!binary ', '{', ']', '\u0000', '? ', '<<: ', '-', ':', '\n', '9e9', "'"];
	for (let round = 0; round < 300; round++) {
		const at = random(good.length);
		const damaged = good.slice(0, at) + pieces[random(pieces.length)] + good.slice(at + random(4));
		try {
			const { roles } = await read(damaged);
			assert.ok((roles.root?.threshold ?? 1) >= 1);
		} catch (error) {
			assert.ok(error instanceof CaissonError, `${String(error)}\n${damaged}`);
		}
	}
});
