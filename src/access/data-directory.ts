// The data directory: where it is, that nobody else reads it, and that one process at a time uses it. Also the note
// by which commands find the server that runs on it. It leaves out the database and the token kept inside.

import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CaissonError } from '../errors.ts';
import { readPrivateFile, replacePrivateFile } from './private-file.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The directory that server and commands of one user share without being told: CAISSON_DATA, else /var/lib/caisson
 * for root, else $XDG_DATA_HOME/caisson (by default ~/.local/share/caisson; XDG Base Directory 0.8). A service that
 * runs as a user of its own is given CAISSON_DATA by its unit.
 */
export function defaultDataDirectory(environment: Environment, uid = process.getuid?.()): string {
	if (environment.CAISSON_DATA) return resolve(environment.CAISSON_DATA);
	if (uid === 0) return '/var/lib/caisson';
	const base = environment.XDG_DATA_HOME || join(environment.HOME || homedir(), '.local', 'share');
	return resolve(base, 'caisson');
}

/** A data directory that this process alone uses. */
export interface DataDirectory {
	readonly path: string;
	/** Path of a file inside. */
	file(name: string): string;
	/** Lets others use the directory. */
	release(): void;
}

/**
 * Creates the directory (0700) where it is missing and takes its lock. The lock is the kernel's (a POSIX record lock,
 * held by SQLite on the file `lock`), so it ends with the process however that ends, and works across containers
 * that share the directory. It is not waited for.
 * @param purpose what this process does, for the message to others, e.g. 'caisson up'
 * @throws CaissonError data-directory-refused: open to others, owned by another user, not usable, or held; then the
 * message names the holder's process id
 */
export function openDataDirectory(path: string, purpose: string): DataDirectory {
	const directory = resolve(path);
	create(directory);
	checkPrivate(directory);
	// A short wait, because a command that looks whether a server runs holds the lock for a moment.
	const lock = tryLock(directory, 250);
	if (lock === undefined) throw refused(`${directory} is in use by ${holder(directory)}`);
	try {
		replacePrivateFile(join(directory, holderFile), JSON.stringify({ pid: process.pid, purpose }));
	} catch (cause) {
		lock.close();
		throw refused(`${directory} cannot be written: ${errorCode(cause)}`, cause);
	}
	locks.add(lock);
	return {
		path: directory,
		file: (name) => join(directory, name),
		release() {
			if (!locks.delete(lock)) return;
			rmSync(join(directory, holderFile), { force: true });
			lock.close();
		},
	};
}

const holderFile = 'lock-holder.json';

/** A lock ends when its connection is collected as garbage, so whoever forgets the directory must not lose it. */
const locks = new Set<DatabaseSync>();

function create(directory: string): void {
	try {
		makeWithParents(directory);
	} catch (cause) {
		throw refused(`${directory} cannot be made: ${errorCode(cause)}`, cause);
	}
}

/** Not mkdir's own recursion: Node's never ends where a file system refuses with ENOENT, as /proc does. */
function makeWithParents(directory: string): void {
	if (existsSync(directory)) return;
	const parent = dirname(directory);
	if (parent !== directory) makeWithParents(parent);
	try {
		mkdirSync(directory, { mode: 0o700 });
	} catch (error) {
		// Another process may have made it meanwhile.
		if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
	}
}

function checkPrivate(directory: string): void {
	let found: ReturnType<typeof statSync>;
	try {
		found = statSync(directory);
	} catch (cause) {
		throw refused(`${directory} cannot be read: ${errorCode(cause)}`, cause);
	}
	if (!found?.isDirectory()) throw refused(`${directory} is not a directory`);
	const uid = process.getuid?.();
	if (uid !== undefined && found.uid !== uid) {
		throw refused(`${directory} is owned by user ${found.uid}, and this process runs as user ${uid}`);
	}
	if ((found.mode & 0o077) !== 0) {
		const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
		throw refused(`${directory} is open to others (mode ${mode}); it holds keys: chmod 0700 ${directory}`);
	}
}

const sqliteBusy = 5;

/**
 * @param wait milliseconds
 * @returns undefined where another connection, of this process or of another, holds the lock
 */
function tryLock(directory: string, wait: number): DatabaseSync | undefined {
	let lock: DatabaseSync | undefined;
	try {
		lock = new DatabaseSync(join(directory, 'lock'), { timeout: wait });
		lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
		return lock;
	} catch (cause) {
		if (lock?.isOpen) lock.close();
		if ((cause as { errcode?: number }).errcode === sqliteBusy) return undefined;
		throw refused(`${directory}/lock cannot be locked: ${(cause as Error).message}`, cause);
	}
}

function holder(directory: string): string {
	try {
		const { pid, purpose } = JSON.parse(readPrivateFile(join(directory, holderFile)) ?? '');
		if (Number.isSafeInteger(pid) && typeof purpose === 'string') return `process ${pid} (${purpose})`;
	} catch {
		// The holder has the lock but has not written its name yet.
	}
	return 'another process';
}

/** How to reach the server that runs on a data directory: 'http://127.0.0.1:8081', 'https://…' or 'unix:/path'. */
export interface LocalServer {
	readonly pid: number;
	/** Where commands of this machine go: southbound and northbound, in the names of wfx's options. */
	readonly client: string;
	readonly mgmt: string;
	/** All addresses, as they were opened. */
	readonly southbound: readonly string[];
	readonly northbound: readonly string[];
}

const serverFile = 'server.json';

/** Notes where the server is reached, for commands of the same user. */
export function announceServer(directory: DataDirectory, server: LocalServer): void {
	replacePrivateFile(directory.file(serverFile), `${JSON.stringify(server, undefined, '\t')}\n`);
}

export function withdrawServer(directory: DataDirectory): void {
	rmSync(directory.file(serverFile), { force: true });
}

/**
 * The server that runs on this data directory now; undefined where none does, also where one was killed and left
 * its note behind.
 * @throws CaissonError data-directory-refused where the directory may not be read
 */
export function findLocalServer(path: string): LocalServer | undefined {
	const directory = resolve(path);
	const text = readPrivateFile(join(directory, serverFile));
	if (text === undefined) return undefined;
	const lock = tryLock(directory, 0);
	if (lock !== undefined) {
		lock.close();
		return undefined;
	}
	try {
		return JSON.parse(text) as LocalServer;
	} catch (cause) {
		throw refused(`${directory}/${serverFile} is damaged; a restart of the server writes it anew`, cause);
	}
}

function errorCode(cause: unknown): string {
	const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
	return code === 'ENOSPC' || code === 'EDQUOT' ? `the disk is full (${code})` : code;
}

function refused(message: string, cause?: unknown): CaissonError {
	return new CaissonError('data-directory-refused', message, cause === undefined ? undefined : { cause });
}
