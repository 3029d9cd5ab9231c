// Debian's PostgreSQL for tests: a server of its own on a unix socket in a temporary folder, with fsync on, reachable by
// nobody else and gone with this process, however that ends. It decides where the programs are and which user runs
// them (PostgreSQL refuses root). It leaves out what is in the databases.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface PostgresServer {
	/** Address of a new, empty schema in the server's database, as `--database` takes it. */
	createSchema(): Promise<string>;
	/** Address of a new, empty database of the server. @param options of `create database` */
	createDatabase(options?: string): Promise<string>;
	/** Folder of its socket, and the programs that came with it. */
	readonly folder: string;
	readonly bin: string;
	/** Runs SQL as the owner of everything. */
	sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
	/** Ends the server: `fast` breaks all connections in order, `immediate` is a crash. Resolves when it is gone. */
	stop(how: 'fast' | 'immediate'): Promise<void>;
	/** Starts it again on the same data and resolves when it answers. */
	start(): Promise<void>;
	/** Ends it and removes its folder. */
	destroy(): Promise<void>;
}

const user = 'caisson';
const programs = '/usr/lib/postgresql';
const startLimit = 60_000;

/** The newest PostgreSQL of this machine, or why there is none to use. */
export function findPostgres(): { readonly bin: string } | { readonly missing: string } {
	const versions = existsSync(programs) ? readdirSync(programs) : [];
	const found = versions
		.filter((version) => Number(version) >= 15 && existsSync(join(programs, version, 'bin', 'initdb')))
		.sort((a, b) => Number(b) - Number(a))[0];
	if (found === undefined) return { missing: 'PostgreSQL 15 or later is not installed: apt-get install postgresql' };
	return { bin: join(programs, found, 'bin') };
}

/** For the `skip` of tests: false where PostgreSQL can be started, else the reason. */
export function withoutPostgres(): string | false {
	const found = findPostgres();
	return 'missing' in found ? found.missing : false;
}

/** Makes a data directory and starts a server on it. @param settings lines as postgres -c takes them */
export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer> {
	const found = findPostgres();
	if ('missing' in found) throw new Error(found.missing);
	const folder = mkdtempSync(join(tmpdir(), 'caisson-postgres-'));
	const identity = unprivilegedUser();
	if (identity !== undefined) chownSync(folder, identity.uid, identity.gid);
	const data = join(folder, 'data');
	const initialise = ['-D', data, '-U', user, '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'];
	let child: ChildProcess | undefined;
	let schemas = 0;

	const start = async () => {
		const words = ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=on', '-c', 'max_connections=300'];
		const more = settings.flatMap((setting) => ['-c', setting]);
		// setpriv: the kernel ends the server when this process dies, also by kill -9.
		const command = ['--pdeathsig', 'INT', join(found.bin, 'postgres'), ...words, ...more];
		const log = `${folder}/log`;
		child = spawn('/bin/sh', ['-c', `exec setpriv "$@" >>'${log}' 2>&1`, 'sh', ...command], {
			...identity,
			cwd: folder,
			stdio: 'ignore',
		});
		child.unref();
		const began = Date.now();
		while (!(await answers(folder))) {
			if (child.exitCode !== null || child.signalCode !== null || Date.now() - began > startLimit) {
				throw new Error(`PostgreSQL does not start:\n${readFileSync(log, 'utf8')}`);
			}
			await sleep(20);
		}
	};
	const stop = async (how: 'fast' | 'immediate') => {
		const running = child;
		child = undefined;
		if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
		const gone = once(running, 'exit');
		running.ref();
		// https://www.postgresql.org/docs/15/server-shutdown.html
		running.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
		await gone;
	};
	const endNow = () => {
		child?.kill('SIGQUIT');
		waitForEnd(child?.pid);
		rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
	};
	try {
		execFileSync(join(found.bin, 'initdb'), initialise, { ...identity, cwd: folder, stdio: 'pipe' });
		await start();
	} catch (error) {
		endNow();
		throw error;
	}
	process.once('exit', endNow);
	const sql = async (text: string, values: readonly unknown[] = []) => {
		const client = new pg.Client(connection(folder));
		await client.connect();
		try {
			return (await client.query(text, [...values])).rows;
		} finally {
			await client.end();
		}
	};
	return {
		async createSchema() {
			const schema = `test_${++schemas}`;
			await sql(`create schema ${schema}`);
			return `postgres://${user}@/postgres?host=${folder}&options=-c%20search_path%3D${schema}`;
		},
		async createDatabase(options = '') {
			const name = `test_${++schemas}`;
			await sql(`create database ${name} ${options}`);
			return `postgres://${user}@/${name}?host=${folder}`;
		},
		folder,
		bin: found.bin,
		sql,
		stop,
		start,
		async destroy() {
			await stop('immediate');
			process.off('exit', endNow);
			rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
		},
	};
}

/** Until the process is gone or a zombie, without the event loop, which no longer turns at exit; 10 s at most. */
function waitForEnd(pid: number | undefined): void {
	const pause = new Int32Array(new SharedArrayBuffer(4));
	for (let turn = 0; pid !== undefined && turn < 1000; turn++) {
		try {
			if (/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return;
		} catch {
			return;
		}
		Atomics.wait(pause, 0, 0, 10);
	}
}

let shared: Promise<PostgresServer> | undefined;

/** One server for all tests of this process that only need a schema; it ends with the process. */
export function sharedPostgres(): Promise<PostgresServer> {
	shared ??= startPostgres();
	return shared;
}

const connection = (folder: string) => ({ host: folder, user, database: 'postgres', connectionTimeoutMillis: 5000 });

async function answers(folder: string): Promise<boolean> {
	const client = new pg.Client(connection(folder));
	client.on('error', () => {});
	try {
		await client.connect();
		await client.end();
		return true;
	} catch {
		return false;
	}
}

/** Whom to run PostgreSQL as: this user, or where that is root the user `postgres` (else `nobody`). */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
	if (process.getuid?.() !== 0) return undefined;
	const accounts = readFileSync('/etc/passwd', 'utf8')
		.split('\n')
		.map((line) => line.split(':'));
	const account = ['postgres', 'nobody'].map((name) => accounts.find(([first]) => first === name)).find(Boolean);
	if (account === undefined) throw new Error('neither the user postgres nor nobody exists: PostgreSQL refuses root');
	return { uid: Number(account[2]), gid: Number(account[3]) };
}
