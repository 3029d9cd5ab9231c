// Addresses of PostgreSQL databases: what is understood, what is refused, and that the password is never shown.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { DatabaseAddress, passwordFromFile } from './address.ts';

const config = (text: string, environment = {}) =>
	new DatabaseAddress(text).config({ HOME: '/absent', ...environment });

test('each part of an address is understood', () => {
	const { password, ...rest } = config('postgresql://me%40x:s%3Acret@db.example:5433/caisson?sslmode=require');
	assert.equal(password, 's:cret');
	assert.deepEqual(
		{ ...rest, ssl: typeof rest.ssl },
		{ user: 'me@x', host: 'db.example', port: 5433, database: 'caisson', ssl: 'object' },
	);
	assert.equal(config('postgres://[fd00::1]:5432/x').host, 'fd00::1');
	assert.equal(config('postgres:///x?host=/run/postgresql').host, '/run/postgresql');
	assert.equal(config('postgres://%2Frun%2Fpostgresql/x').host, '/run/postgresql');
	assert.equal(config('postgres://h/x?options=-c%20search_path%3Dmine').options, '-c search_path=mine');
});

test('only verify-full compares the name, and require without a CA asks for no proof', () => {
	const ssl = (mode: string) => config(`postgres://h/x?sslmode=${mode}`).ssl as Record<string, unknown>;
	assert.equal(config('postgres://h/x?sslmode=disable').ssl, undefined);
	assert.equal(ssl('require').rejectUnauthorized, false);
	assert.equal(ssl('verify-ca').rejectUnauthorized, true);
	assert.equal(typeof ssl('verify-ca').checkServerIdentity, 'function');
	assert.equal(ssl('verify-full').rejectUnauthorized, true);
	assert.equal(ssl('verify-full').checkServerIdentity, undefined);
});

for (const [text, why] of [
	['postgres:/host/x', /not an address/],
	['http://host/x', /not an address/],
	['postgres://u:p%zz@h/x', /the password has a %/],
	['postgres://h/x?sslmode=prefer', /sslmode 'prefer' is not one of/],
	['postgres://h/x?port=abc', /the port is not a number/],
	['postgres://h/x?synchronous_commit=off', /'synchronous_commit' is not a parameter/],
] as const) {
	test(`${text} is refused`, () => {
		assert.throws(
			() => new DatabaseAddress(text),
			(error) => error instanceof RangeError && why.test(error.message),
		);
	});
}

test('a password is in nothing that is printed, and is known to be there', () => {
	for (const text of ['postgres://u:geheim@h/x', 'postgres://u@h/x?password=geheim']) {
		const address = new DatabaseAddress(text);
		assert.equal(address.hasPassword, true);
		for (const shown of [
			String(address),
			JSON.stringify({ address }),
			inspect(address, { depth: 9, showHidden: true }),
		]) {
			assert.ok(!shown.includes('geheim'), shown);
		}
		assert.match(String(address), /^postgres:\/\/u@h\/x$/);
	}
	assert.equal(new DatabaseAddress('postgres://u@h/x').hasPassword, false);
});

test('the password comes from the address, else PGPASSWORD, else the password file', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-pgpass-'));
	try {
		const file = join(folder, 'pgpass');
		writeFileSync(file, '# comment\nother:*:*:*:no\ndb:5432:x:me:a\\:b\\\\c\n*:*:*:*:last\n', { mode: 0o600 });
		const asked = (text: string, environment = {}) => {
			const { password } = config(text, { PGPASSFILE: file, ...environment });
			return typeof password === 'function' ? password() : password;
		};
		assert.equal(await asked('postgres://me:own@db/x', { PGPASSWORD: 'environment' }), 'own');
		assert.equal(await asked('postgres://me@db/x', { PGPASSWORD: 'environment' }), 'environment');
		assert.equal(await asked('postgres://me@db/x'), 'a:b\\c');
		assert.equal(await asked('postgres://you@db/x'), 'last');
		assert.equal(await asked('postgres://you@db/x', { PGPASSFILE: join(folder, 'absent') }), '');
		const open = join(folder, 'open');
		writeFileSync(open, '*:*:*:*:seen\n', { mode: 0o644 });
		assert.equal(passwordFromFile(open, ['db', '5432', 'x', 'me']), undefined, 'a file open to others is not used');
	} finally {
		rmSync(folder, { recursive: true });
	}
});
