// Backups of a small data directory: what is in them, and that a changed or cut one is refused before anything is written.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
	chmodSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Command } from 'commander';
import { sqliteFiles } from '../../programs/cli/backup-world.ts';
import { openSqlite } from '../storage/sqlite/open.ts';
import { type RecordingTerminal, recordingTerminal } from '../terminal/recording-terminal.ts';
import { writeWhole } from '../update/output-file.ts';
import { backupCommand } from './commands/backup.ts';
import { restoreCommand } from './commands/restore.ts';
import type { BackupCommandWorld } from './commands/world.ts';
import { decryptSecrets, encryptSecrets, isInside } from './secrets.ts';
import type { DatabaseFiles } from './store.ts';

let folder: string;
let data: string;
let passphrase: string;
let whole: string;

const blob = Buffer.from('what a device downloads');
const digest = createHash('sha256').update(blob).digest('hex');
const blobName = `blobs/sha256/${digest.slice(0, 2)}/${digest}`;
const world: BackupCommandWorld = {
	database: sqliteFiles,
	writeWhole,
	defaultData: () => join(folder, 'default'),
	chooseDatabase: ({ data: chosen }) => join(chosen ?? '', 'caisson.db'),
	now: () => Date.parse('2026-11-23T12:00:00.500Z'),
	version: '0.0.0-test',
};

function put(path: string, content: string | Buffer, mode = 0o600): void {
	mkdirSync(dirname(join(data, path)), { recursive: true });
	writeFileSync(join(data, path), content, { mode });
}

before(async () => {
	folder = mkdtempSync(join(tmpdir(), 'caisson-backup-'));
	data = join(folder, 'data');
	mkdirSync(data, { mode: 0o700 });
	const storage = await openSqlite(join(data, 'caisson.db'));
	await storage.commit((unit) => unit.audit.append({ time: 1, actor: 'operator', action: 'job.create', subject: 'a' }));
	await storage.commit((unit) => unit.workflows.insert({ name: 'w', states: [{ name: 'A' }], transitions: [] }));
	await storage.close();
	put(blobName, blob);
	put('blobs/incoming/half', 'half an upload');
	put('operator-token', 'a'.repeat(43));
	put('tls/server.key', 'a private key\n');
	for (const name of ['lock', 'lock-holder.json', 'server.json', 'first-admin-link', 'operator-token.new'])
		put(name, 'x');
	passphrase = join(folder, 'passphrase');
	writeFileSync(passphrase, 'correct horse battery\n', { mode: 0o600 });
	whole = join(folder, 'whole.backup');
	await run(['backup', '-o', whole, '--passphrase-file', passphrase]);
});

after(() => rmSync(folder, { recursive: true }));

async function run(
	words: readonly string[],
	options: { interrupted?: AbortSignal; data?: string; database?: DatabaseFiles } = {},
): Promise<RecordingTerminal> {
	const terminal = recordingTerminal(options.interrupted === undefined ? {} : { interrupted: options.interrupted });
	const program = new Command('caisson').option('--data <dir>').exitOverride();
	const own = { ...world, database: options.database ?? world.database };
	program
		.addCommand(backupCommand(terminal, own).exitOverride())
		.addCommand(restoreCommand(terminal, own).exitOverride());
	await program.parseAsync(['--data', options.data ?? data, ...words], { from: 'user' });
	return terminal;
}

let targets = 0;
const fresh = () => join(folder, `target-${targets++}`);

/** A copy of the whole backup with `change` applied. */
function changed(change: (bytes: Buffer) => Buffer): string {
	const file = join(folder, 'changed.backup');
	writeFileSync(file, change(readFileSync(whole)));
	return file;
}

async function refusal(file: string): Promise<string> {
	const target = fresh();
	let message = '';
	await assert.rejects(run(['restore', file], { data: target }), (error: Error & { code: string }) => {
		message = error.message;
		return error.code === 'backup-malformed';
	});
	assert.deepEqual(
		readdirSync(folder).filter((name) => name.includes('target')),
		[],
		'nothing was written',
	);
	return message;
}

test('a backup is a tar whose members sha256sum checks', () => {
	const out = join(folder, 'unpacked');
	mkdirSync(out);
	execFileSync('tar', ['xf', whole, '-C', out]);
	execFileSync('sha256sum', ['--strict', '--quiet', '-c', 'manifest.sha256', 'manifest'], { cwd: out });
	assert.deepEqual(readdirSync(out).sort(), [
		'blobs',
		'caisson-backup',
		'caisson.db',
		'manifest',
		'manifest.sha256',
		'secrets',
	]);
	assert.deepEqual(readFileSync(join(out, blobName)), blob);
	assert.equal(statSync(whole).mode & 0o777, 0o600);
	rmSync(out, { recursive: true });
});

test('no private file stands in a backup in the clear', () => {
	const bytes = readFileSync(whole);
	for (const secret of ['a'.repeat(43), 'a private key']) {
		assert.equal(bytes.includes(secret), false);
		assert.equal(bytes.includes(Buffer.from(secret).toString('base64').slice(0, 16)), false);
	}
});

test('a restore brings back database, blobs and private files, closed to others, and nothing transient', async () => {
	const target = fresh();
	const terminal = await run(['restore', whole, '--passphrase-file', passphrase], { data: target });
	assert.match(terminal.stdoutText, /restored from a backup of 2026-11-23T12:00:00Z/);
	assert.match(terminal.stdoutText, /private files: operator-token, tls\/server.key/);
	const found = readdirSync(target, { recursive: true }).sort();
	const folders = ['blobs', 'blobs/sha256', dirname(blobName), 'tls'];
	assert.deepEqual(found, [...folders, blobName, 'caisson.db', 'operator-token', 'tls/server.key'].sort());
	for (const name of found) {
		assert.equal(statSync(join(target, name as string)).mode & 0o777, folders.includes(name as string) ? 0o700 : 0o600);
	}
	assert.equal(readFileSync(join(target, 'operator-token'), 'utf8'), 'a'.repeat(43));
	const storage = await openSqlite(join(target, 'caisson.db'));
	const actions = (await storage.audit.read(0, 9)).map(({ action }) => action);
	assert.deepEqual(actions, ['job.create', 'backup.restore']);
	assert.equal((await storage.workflows.find('w'))?.name, 'w');
	await storage.close();
	rmSync(target, { recursive: true });
});

test('without a passphrase private files are left out, at the backup and at the restore, and both say so', async () => {
	const file = join(folder, 'plain.backup');
	const made = await run(['backup', '-o', file]);
	assert.match(made.stdoutText, /left out: operator-token: it is private, and no passphrase was given/);
	assert.equal(made.exitCode, 0);
	const target = fresh();
	const restored = await run(['restore', whole], { data: target });
	assert.match(restored.stdoutText, /left out: private files in the backup; no passphrase was given/);
	assert.equal(readdirSync(target).includes('operator-token'), false);
	rmSync(target, { recursive: true });
});

test('another passphrase, a short one, and an open file of one are refused before anything is written', async () => {
	const other = join(folder, 'other');
	const tryWith = (text: string, mode: number) => {
		writeFileSync(other, text);
		chmodSync(other, mode);
		return run(['restore', whole, '--passphrase-file', other], { data: fresh() });
	};
	await assert.rejects(tryWith('wrong horse battery', 0o600), { code: 'backup-refused', message: /not the one/ });
	await assert.rejects(tryWith('short', 0o600), { code: 'backup-refused', message: /shorter than 12/ });
	await assert.rejects(tryWith('correct horse battery', 0o644), { code: 'file-unusable', message: /open to others/ });
	assert.deepEqual(
		readdirSync(folder).filter((name) => name.includes('target')),
		[],
	);
});

test('a directory that is not empty is refused and left as it is', async () => {
	const target = fresh();
	mkdirSync(target);
	writeFileSync(join(target, 'something'), 'kept');
	await assert.rejects(run(['restore', whole], { data: target }), { code: 'backup-refused', message: /is not empty/ });
	assert.deepEqual(readdirSync(target), ['something']);
	rmSync(target, { recursive: true });
});

test('a byte changed is refused with the member named', async () => {
	const bytes = readFileSync(whole);
	const cases: [member: string, position: number][] = [
		['caisson.db', bytes.indexOf('SQLite format 3') + 5000],
		[blobName, bytes.indexOf(blob) + 3],
		['secrets', bytes.indexOf('aes-256-gcm') + 400],
		['caisson-backup', bytes.indexOf('0.0.0-test')],
		['manifest', bytes.indexOf(`${digest}  ${blobName}`) + 2],
		['manifest', bytes.indexOf('  manifest\n') - 3],
	];
	for (const [member, position] of cases) {
		const message = await refusal(changed((copy) => copy.fill((copy[position] ?? 0) ^ 1, position, position + 1)));
		assert.ok(message.includes(`member ${member} `), `${member}: ${message}`);
	}
});

test('a byte changed anywhere outside the database’s pages is refused, and a sample of those inside', async () => {
	const bytes = readFileSync(whole);
	const start = bytes.indexOf('SQLite format 3');
	const end = start + statSync(join(data, 'caisson.db')).size;
	let tried = 0;
	for (let position = 0; position < bytes.length; position += position >= start && position < end - 7000 ? 6007 : 29) {
		const file = changed((copy) => copy.fill((copy[position] ?? 0) ^ 0x10, position, position + 1));
		await assert.rejects(run(['restore', file, '--check']), { code: 'backup-malformed' }, `byte ${position}`);
		tried++;
	}
	assert.ok(tried > 200, String(tried));
});

test('a backup cut off anywhere, or with something behind it, is refused', async () => {
	const { length } = readFileSync(whole);
	for (let size = 0; size < length; size += size < 2048 || size > length - 3000 ? 5 : 4099) {
		const file = changed((copy) => copy.subarray(0, size));
		await assert.rejects(run(['restore', file, '--check']), { code: 'backup-malformed' }, `${size} bytes`);
	}
	assert.match(await refusal(changed((copy) => Buffer.concat([copy, Buffer.alloc(1)]))), /something follows/);
	assert.match(await refusal(changed((copy) => copy.subarray(512))), /member caisson-backup /);
});

test('noise is refused and never crashes the reader (300 times, fixed seed)', async () => {
	let seed = 20_261_123;
	const random = (below: number) => {
		seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
		return (seed >> 8) % below;
	};
	for (let round = 0; round < 300; round++) {
		const file = changed((copy) => {
			for (let change = 0; change <= random(8); change++) copy[random(copy.length)] = random(256);
			return random(3) === 0 ? copy.subarray(0, random(copy.length)) : copy;
		});
		if (readFileSync(file).equals(readFileSync(whole))) continue;
		await assert.rejects(run(['restore', file, '--check']), { code: 'backup-malformed' }, `round ${round}`);
	}
});

test('a backup of a newer Caisson is refused as such', async () => {
	const message = await refusal(
		changed((copy) => Buffer.from(copy.toString('latin1').replace('"version":1', '"version":2'), 'latin1')),
	);
	assert.match(message, /a newer Caisson wrote it \(version 2; this one knows 1\)/);
});

test('a damaged blob is left out and named, and the exit code is 1', async () => {
	writeFileSync(join(data, blobName), 'bit rot');
	try {
		const file = join(folder, 'damaged.backup');
		const terminal = await run(['backup', '-o', file]);
		assert.equal(terminal.exitCode, 1);
		assert.match(terminal.stdoutText, new RegExp(`damaged, not in the backup: ${blobName}`));
		assert.match((await run(['restore', file, '--check'])).stdoutText, /blobs: 0, 0 bytes/);
	} finally {
		writeFileSync(join(data, blobName), blob);
	}
});

test('what is too large or no plain file is left out and named', async () => {
	put('huge', Buffer.alloc(1024 * 1024 + 1));
	symlinkSync('/etc/passwd', join(data, 'link'));
	try {
		const file = join(folder, 'some.backup');
		const { stdoutText } = await run(['backup', '-o', file, '--passphrase-file', passphrase]);
		assert.match(stdoutText, /left out: huge: it is larger than 1048576 bytes/);
		assert.match(stdoutText, /left out: link: it is no plain file/);
	} finally {
		for (const name of ['huge', 'link']) rmSync(join(data, name));
	}
});

test('Ctrl-C leaves neither a backup nor a half one, and no half directory', async () => {
	const interrupted = AbortSignal.abort(new Error('Ctrl-C'));
	const before = readdirSync(folder).sort();
	await assert.rejects(run(['backup', '-o', join(folder, 'never.backup')], { interrupted }), /Ctrl-C/);
	await assert.rejects(run(['restore', whole], { interrupted, data: fresh() }), /Ctrl-C/);
	// In the middle: when the database was copied, and when the restored one was made ready.
	const middle = new AbortController();
	const database: DatabaseFiles = {
		...sqliteFiles,
		async copy(source, target, observer) {
			await sqliteFiles.copy(source, target, observer);
			middle.abort(new Error('Ctrl-C'));
		},
		async settle(file, note) {
			middle.abort(new Error('Ctrl-C'));
			return sqliteFiles.settle(file, note);
		},
	};
	const signal = { interrupted: middle.signal, database };
	await assert.rejects(run(['backup', '-o', join(folder, 'never.backup')], signal), /Ctrl-C/);
	await assert.rejects(run(['restore', whole], { ...signal, data: fresh() }), /Ctrl-C/);
	assert.deepEqual(readdirSync(folder).sort(), before);
});

test('a directory without a database, and a database of something else, are refused', async () => {
	const empty = fresh();
	mkdirSync(empty);
	const file = join(folder, 'never.backup');
	await assert.rejects(run(['backup', '-o', file], { data: empty }), { code: 'storage-unavailable' });
	rmSync(empty, { recursive: true });
	assert.equal(
		readdirSync(folder).some((name) => name.includes('never')),
		false,
	);
});

test('secrets open only with their passphrase and the head of their backup', () => {
	const [head, other] = [Buffer.from('head'), Buffer.from('other')];
	const files = [{ path: 'tls/key', content: Buffer.from([0, 255, 1]) }];
	const member = encryptSecrets(files, 'correct horse battery', head);
	assert.deepEqual(decryptSecrets(member, 'correct horse battery', head), files);
	assert.throws(() => decryptSecrets(member, 'correct horse battery', other), { code: 'backup-refused' });
	const costly = Buffer.from(member.toString('latin1').replace('"N":131072', '"N":2097152'), 'latin1');
	assert.throws(() => decryptSecrets(costly, 'correct horse battery', head), {
		code: 'backup-malformed',
		message: /bounds/,
	});
	for (const path of ['/etc/passwd', '../x', 'a/../../x', '', 'a//b']) assert.equal(isInside(path), false, path);
});

test('the help of both commands fits 80 columns and ends with examples and exit codes', () => {
	for (const make of [backupCommand, restoreCommand]) {
		let help = '';
		const command = make(recordingTerminal(), world);
		command.configureOutput({
			writeOut: (text) => {
				help += text;
			},
			getOutHelpWidth: () => 80,
		});
		command.outputHelp();
		for (const line of help.split('\n')) assert.ok(line.length <= 80, line);
		assert.match(help, /Examples?:\n[\s\S]*Exit codes:\n/);
	}
});
