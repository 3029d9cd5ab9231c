import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { callers, mayCall, roles } from './roles.ts';

interface Document {
	readonly servers: readonly { readonly url: string }[];
	readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly tags?: readonly string[] }>>>>;
}

const operations = ['wfx', 'caisson'].flatMap((name) => {
	const url = new URL(`../../../spec/${name}.openapi.yaml`, import.meta.url);
	const document = parse(readFileSync(url, 'utf8')) as Document;
	return Object.entries(document.paths).flatMap(([path, methods]) =>
		Object.entries(methods).map(([method, { tags = [] }]) => ({
			name: `${method.toUpperCase()} ${document.servers[0]?.url}${path}`,
			southbound: tags.includes('southbound') || tags.length === 0,
		})),
	);
});

test('every operation of both OpenAPI documents is in the table, and the table has no other path below /api', () => {
	const named = operations.map(({ name }) => name);
	// Served beside the document: the document itself, in two forms.
	const beside = ['GET /api/wfx/v1/openapi.json', 'GET /api/wfx/v1/swagger.json'];
	const inTable = Object.keys(callers).filter((name) => name.includes(' /api/'));
	assert.deepEqual(inTable.toSorted(), [...named, ...beside].toSorted());
});

test('devices may call what the documents mark as southbound, and PUT definition not', () => {
	for (const { name, southbound } of operations) {
		const expected = southbound && name !== 'PUT /api/wfx/v1/jobs/{id}/definition';
		assert.equal(mayCall(['device'], name), expected, name);
	}
});

test('an admin may call everything; nobody may call what is not in the table', () => {
	for (const operation of Object.keys(callers)) assert.ok(mayCall(['admin'], operation), operation);
	for (const operation of ['GET /elsewhere', 'toString', '__proto__']) {
		assert.ok(!mayCall(['device', 'anyone', ...roles], operation), operation);
	}
});

test('without a credential there is one operation, the one that takes the code of the one-time link', () => {
	const open = Object.keys(callers).filter((operation) => mayCall(['anyone'], operation));
	assert.deepEqual(open, ['POST /api/caisson/v1/access/sessions']);
});

test('who only reads changes nothing', () => {
	for (const operation of Object.keys(callers)) {
		if (operation.startsWith('GET ') || operation.includes('/access/sessions')) continue;
		assert.ok(!mayCall(['viewer', 'auditor'], operation), operation);
	}
});
