// The audit trail of a real server over HTTP, on the command line, and as a file.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { openAuditChain } from '../storage/sqlite/chain.ts';
import { httpClient } from '../terminal/http-client.ts';
import { recordingTerminal } from '../terminal/recording-terminal.ts';
import { parseAddress } from '../terminal/server-address.ts';
import { writeWhole } from '../update/output-file.ts';
import { auditCommands } from './commands.ts';
import { sealCommitted } from './sealing.ts';

const now = Date.parse('2026-11-23T12:00:00Z');
const minute = 60_000;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let server: RunningApplication;
let folder: string;

before(async () => {
	server = await startApplication();
	folder = mkdtempSync(join(tmpdir(), 'caisson-audit-'));
	const { storage } = server;
	for (let number = 1; number <= 30; number++) {
		const action = number % 3 === 0 ? 'access.denied' : number % 2 === 0 ? 'job.create' : 'job.delete';
		const actor = number % 2 === 0 ? 'operator' : 'anonymous';
		const row = {
			time: now - (30 - number) * minute,
			actor,
			action,
			subject: `s${number}`,
			detail: { number, word: 'ä' },
		};
		await storage.commit((unit) => unit.audit.append(row));
		if (number === 28) await seal();
	}
});

after(async () => {
	await server.stop();
	rmSync(folder, { recursive: true });
});

function seal() {
	const { chain, commit } = server.storage;
	return sealCommitted({ chain, commit, now: () => now, sha256 });
}

const openChain = async (data: string) => openAuditChain(join(data, 'caisson.db'));

/** Runs `caisson audit WORDS`; `--data` is an option of the program above it. */
async function run(words: readonly string[], data?: string) {
	const never = new AbortController().signal;
	const api = httpClient({ address: parseAddress(server.north, 'test') }, never);
	const terminal = recordingTerminal({ api });
	const command = auditCommands(terminal, { openChain, writeWhole, now: () => now });
	command.exitOverride().option('--data <dir>');
	for (const verb of command.commands) verb.exitOverride().configureOutput({ writeErr: () => undefined });
	await command.parseAsync([...(data === undefined ? [] : ['--data', data]), ...words], { from: 'user' });
	return terminal;
}

async function listed(...words: string[]): Promise<string[]> {
	const { rows } = JSON.parse((await run(['list', '--format', 'json', ...words])).stdoutText);
	return rows.map((row: { subject: string }) => row.subject);
}

test('the list shows the newest rows, oldest of them first, and the head of the chain', async () => {
	const { stdoutText } = await run(['list', '--limit', '2']);
	const lines = stdoutText.split('\n');
	assert.match(
		lines[1] ?? '',
		/^29 +2026-11-23T11:59:00.000Z +anonymous +job.delete +s29 +\{"number":29,"word":"ä"\}$/,
	);
	assert.match(lines[2] ?? '', /^30 /);
	assert.match(lines[3] ?? '', /^Head: seal 1 [0-9a-f]{64}$/);
});

test('the list goes on after a row, and filters join', async () => {
	assert.deepEqual(await listed('--after', '27'), ['s28', 's29', 's30']);
	assert.deepEqual(await listed('--after', '0', '--limit', '2'), ['s1', 's2']);
	assert.deepEqual(await listed('--action', 'access.denied', '--limit', '2'), ['s27', 's30']);
	assert.deepEqual(await listed('--action', 'job.*', '--actor', 'operator', '--since', '10m'), [
		's20',
		's22',
		's26',
		's28',
	]);
	assert.deepEqual(await listed('--subject', 's7'), ['s7']);
	assert.deepEqual(await listed('--until', '2026-11-23T11:31:30Z'), ['s1']);
	assert.deepEqual(await listed('--subject', 'nothing'), []);
});

test('a time that is none is refused by the command and by the server', async () => {
	await assert.rejects(run(['list', '--since', 'yesterday']), /It must be a time/);
	const response = await fetch(`${server.north}/api/caisson/v1/audit?since=yesterday`);
	assert.equal(response.status, 400);
	assert.match(await response.text(), /since: yesterday is no RFC 3339 time/);
});

test('the trail is not served southbound', async () => {
	for (const path of ['audit', 'audit/seals', 'audit/export']) {
		assert.equal((await fetch(`${server.south}/api/caisson/v1/${path}`)).status, 404);
	}
});

test('a request looks at a bounded number of rows, and the command reads on', async () => {
	const other = await startApplication();
	try {
		await other.storage.commit(async (unit) => {
			for (let number = 0; number < 21_000; number++) {
				await unit.audit.append({ time: now, actor: 'a', action: 'b.c', subject: number === 5 ? 'wanted' : 'x' });
			}
		});
		const page = async (query: string) =>
			(await (await fetch(`${other.north}/api/caisson/v1/audit?subject=wanted&${query}`)).json()) as {
				rows: unknown[];
				next: number | null;
			};
		const first = await page('sort=desc');
		assert.deepEqual([first.rows.length, first.next], [0, 1001]);
		const second = await page(`sort=desc&before=${first.next}`);
		assert.deepEqual([second.rows.length, second.next], [1, null]);
	} finally {
		await other.stop();
	}
});

test('seals are listed without the digests of their rows', async () => {
	const { seals } = (await (await fetch(`${server.north}/api/caisson/v1/audit/seals`)).json()) as { seals: object[] };
	const time = new Date(now).toISOString();
	const { hash, ...first } = seals[0] as { hash: string };
	assert.match(hash, /^[0-9a-f]{64}$/);
	assert.deepEqual(first, { seal: 1, time, previous: '0'.repeat(64), first: 1, through: 28, rows: 28 });
});

test('a server, its database and an export of it are all found intact, with rows not yet sealed', async () => {
	const file = join(folder, 'export.ndjson');
	assert.match((await run(['export', '-o', file])).stdoutText, /export\.ndjson: \d+ bytes/);
	assert.equal(statSync(file).mode & 0o777, 0o600);
	for (const terminal of [
		await run(['verify']),
		await run(['verify'], server.directory),
		await run(['verify', file]),
	]) {
		assert.match(terminal.stdoutText, /^not yet sealed: 2 rows \(29 to 30\)$/m);
		assert.match(terminal.stdoutText, /^head: not checked/m);
		assert.match(terminal.stdoutText, /^intact: 28 rows under 1 seal as sealed$/m);
		assert.equal(terminal.exitCode, 0);
	}
});

test('a head that was kept is found, and another one is a finding', async () => {
	const { head } = JSON.parse((await run(['list', '--format', 'json'])).stdoutText);
	assert.match((await run(['verify', '--head', head.hash.toUpperCase()])).stdoutText, /^head: it is that of seal 1$/m);
	const wrong = await run(['verify', '--head', 'ab'.repeat(32)]);
	assert.match(wrong.stdoutText, /^finding: no seal has the head that was kept/m);
	assert.equal(wrong.exitCode, 1);
	await assert.rejects(run(['verify', '--head', 'ab']), /64 hexadecimal digits/);
});

test('what was changed in an export is named, and an export that ends early is coverage lost', async () => {
	const file = join(folder, 'changed.ndjson');
	await run(['export', '-o', file]);
	const text = readFileSync(file, 'utf8');
	writeFileSync(file, text.replace('"subject":"s7"', '"subject":"s8"'));
	const changed = await run(['verify', file]);
	assert.match(changed.stdoutText, /^finding: row 7 is not what was sealed \(seal 1\)$/m);
	assert.equal(changed.exitCode, 1);
	writeFileSync(file, text.slice(0, -30));
	const cut = await run(['verify', file, '--format', 'json']);
	assert.equal(JSON.parse(cut.stdoutText).result, 'coverage lost');
	assert.equal(cut.exitCode, 1);
});

test('what was changed in the database behind the server is named', async () => {
	const other = await startApplication();
	try {
		for (const subject of ['a', 'b', 'c']) {
			await other.storage.commit((unit) => unit.audit.append({ time: 1, actor: 'x', action: 'y.z', subject }));
		}
		const { chain, commit } = other.storage;
		await sealCommitted({ chain, commit, now: () => 1, sha256 });
		const database = new DatabaseSync(join(other.directory, 'caisson.db'));
		database.exec("update audit set actor = 'y' where id = 2; delete from audit where id = 3");
		database.exec("insert into audit (id, time, actor, action, subject) values (0, 1, 'x', 'y.z', 'd')");
		database.close();
		const terminal = await run(['verify', '--format', 'json'], other.directory);
		const verdict = JSON.parse(terminal.stdoutText);
		assert.deepEqual(
			verdict.findings.map(({ what, row }: { what: string; row: number }) => [what, row]),
			[
				['missing', 3],
				['changed', 2],
			],
		);
	} finally {
		await other.stop();
	}
});

test('a directory without a database is refused', async () => {
	await assert.rejects(run(['verify'], folder), { code: 'file-unusable' });
	await assert.rejects(run(['verify', 'x.ndjson'], folder), { code: 'usage-wrong' });
	await assert.rejects(run(['verify', join(folder, 'absent')]), { code: 'file-unusable' });
});

test('two that seal at once, and a server that goes on from another’s seal, make one chain', async () => {
	const other = await startApplication();
	try {
		const { storage } = other;
		const world = { chain: storage.chain, commit: storage.commit, now: () => now, sha256 };
		const writing = Array.from({ length: 3000 }, (_, index) =>
			storage.commit((unit) => unit.audit.append({ time: 1, actor: 'x', action: 'y.z', subject: String(index) })),
		);
		let written = false;
		const all = Promise.all(writing).then(() => {
			written = true;
		});
		while (!written) {
			await Promise.all([1, 2, 3, 4].map(() => sealCommitted(world)));
			await new Promise((resolve) => setImmediate(resolve));
		}
		await all;
		const head = await sealCommitted(world);
		assert.equal(head?.through, 3000);
		const verdict = JSON.parse((await run(['verify', '--format', 'json'], other.directory)).stdoutText);
		assert.deepEqual([verdict.result, verdict.intactRows, verdict.notYetSealed.rows], ['intact', 3000, 0]);
	} finally {
		await other.stop();
	}
});

test('rows that were written before the server stopped are sealed when it has', async () => {
	const other = await startApplication();
	await other.storage.commit((unit) => unit.audit.append({ time: 1, actor: 'x', action: 'y.z', subject: 's' }));
	let sealed: unknown;
	const close = other.storage.close;
	other.storage.close = async () => {
		sealed = await other.storage.chain.lastSeal();
		await close.call(other.storage);
	};
	await other.stop();
	assert.match(JSON.stringify(sealed), /"number":1/);
});

test('the help of every verb fits 80 columns and ends with an example', () => {
	const command = auditCommands(recordingTerminal(), { openChain, writeWhole, now: () => now });
	for (const verb of command.commands) {
		let help = '';
		verb.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 80 });
		verb.outputHelp();
		for (const line of help.split('\n')) assert.ok(line.length <= 80, line);
		assert.match(help, /Examples?:\n[\s\S]*\$ caisson audit /);
	}
});
