import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { securityModelFile, withTables } from '../../docs/security-model.ts';
import { callers, mayCall, roles } from '../../src/access/rules/roles.ts';
import { type WalkTable, walk } from './walk.ts';

let tables: readonly WalkTable[];
before(async () => {
	tables = await walk();
});

/** What one caller saw, by operation. */
function seenBy(title: string, caller: string): [operation: string, seen: string][] {
	const table = tables.find((one) => one.title === title);
	const column = table?.callers.indexOf(caller) ?? -1;
	assert.ok(table && column >= 0, `${title}: ${caller}`);
	return table.rows.map(({ operation, seen }) => [operation, seen[column] ?? '']);
}

test('the table in docs/security-model.md is what the walk saw', () => {
	const page = readFileSync(securityModelFile, 'utf8');
	assert.equal(withTables(page, tables), page, 'run `npm run generate` and read the difference before committing it');
});

test('the walk goes over everything that the table of callers names', () => {
	for (const { title, rows } of tables) {
		const walked = rows.map(({ operation }) => operation).filter((operation) => operation !== 'GET /nowhere');
		assert.deepEqual(walked.toSorted(), Object.keys(callers).toSorted(), title);
	}
});

test('without a credential, with a wrong one, and with one of the other port nothing is open', () => {
	const strangers = [
		...['no credential', 'wrong token', 'device'].map((caller) => ['northbound', caller] as const),
		...['no token', 'wrong token', 'operator token'].map((caller) => ['southbound, token', caller] as const),
	];
	for (const [title, caller] of strangers) {
		for (const [operation, seen] of seenBy(title, caller))
			assert.equal(seen, '401', `${title}, ${caller}: ${operation}`);
	}
});

test('without a good certificate there is no connection', () => {
	for (const caller of ['no certificate', 'another CA’s', 'expired', 'revoked']) {
		for (const [operation, seen] of seenBy('southbound, mtls', caller))
			assert.equal(seen, 'none', `${caller}: ${operation}`);
	}
});

test('each role may call what the table of callers says, and nothing else', () => {
	for (const role of roles) {
		for (const [operation, seen] of seenBy('northbound', role)) {
			// It takes a code, and a wrong one is not accepted from anybody.
			if (operation.endsWith('POST /api/caisson/v1/access/sessions')) continue;
			const allowed = operation === 'GET /nowhere' || mayCall([role], operation);
			assert.equal(seen !== '403', allowed, `${role}: ${operation} ${seen}`);
			assert.notEqual(seen, '401', `${role}: ${operation}`);
		}
	}
});

test('the operator token may do what an admin may', () => {
	assert.deepEqual(seenBy('northbound', 'operator token'), seenBy('northbound', 'admin'));
});

test('a device sees and changes nothing of another device', () => {
	for (const title of ['southbound, token', 'southbound, mtls']) {
		for (const [operation, seen] of seenBy(title, 'other device')) {
			const place = `${title}: ${operation} ${seen}`;
			if (operation.includes('/job') && operation.includes('{id}')) assert.ok(['403', '404'].includes(seen), place);
			else if (/^GET .*\/jobs(\/events)?$/.test(operation)) assert.equal(seen, '200 ∅', place);
			else if (!operation.startsWith('GET ') || operation.includes('/caisson/')) assert.notEqual(seen[0], '2', place);
		}
	}
});

test('a device may do with its own jobs what wfx lets devices do, but for the definition', () => {
	const open = seenBy('southbound, open', 'anybody');
	for (const title of ['southbound, token', 'southbound, mtls']) {
		const device = seenBy(title, 'device');
		for (const [index, [operation, seen]] of open.entries()) {
			const expected = operation.startsWith('PUT') && operation.endsWith('/definition') ? '403' : seen;
			const same = [expected, ...(expected === '404' || expected === '405' ? ['403'] : [])];
			assert.ok(same.includes(device[index]?.[1] ?? ''), `${title}: ${operation} ${device[index]?.[1]}`);
		}
	}
});
