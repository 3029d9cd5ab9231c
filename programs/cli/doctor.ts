// `caisson doctor`: what this machine lacks. Each check says ok, missing, wrong or "not checked"; what was not checked
// is never called ok. It looks and asks only: it installs and repairs nothing.

import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { defaultDataDirectory } from '../../src/access/data-directory.ts';
import { CaissonError } from '../../src/errors.ts';
import { withExitCodes, withFormat } from '../../src/terminal/command-help.ts';
import type { ServerChoice } from '../../src/terminal/server-address.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';

export interface Finding {
	readonly check: string;
	readonly result: 'ok' | 'missing' | 'wrong' | 'not checked';
	readonly detail: string;
	/** What to do about it. */
	readonly remedy?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function doctorCommand(terminal: Terminal): Command {
	const command = new Command('doctor').description(
		'Tells what this machine lacks: the pinned Node.js, programs that Caisson runs, a data directory in order, and a server that answers. It changes nothing.',
	);
	withFormat(command);
	withExitCodes(command, {
		0: 'nothing is missing or wrong (but maybe not checked)',
		1: 'something is missing or wrong',
		2: 'trouble',
	});
	return command.action(async ({ format }: { format: 'text' | 'json' }) => {
		const choice = command.optsWithGlobals<ServerChoice>();
		const data = choice.data ?? defaultDataDirectory(terminal.environment);
		const findings = [
			checkNode(),
			...(await Promise.all(tools.map((tool) => checkTool(tool, terminal.environment)))),
			...(await checkData(data)),
			...(await checkServer(
				terminal,
				choice.server !== undefined || terminal.environment.CAISSON_SERVER !== undefined,
			)),
		];
		if (findings.some(({ result }) => result === 'missing' || result === 'wrong')) terminal.exit(1);
		if (format === 'json') return terminal.json(findings);
		show(terminal, findings);
	});
}

function show(terminal: Terminal, findings: readonly Finding[]): void {
	const styles = { ok: 'good', missing: 'bad', wrong: 'bad', 'not checked': 'warn' } as const;
	terminal.table(findings, [
		{ title: 'CHECK', value: (row) => row.check },
		{ title: 'RESULT', value: (row) => terminal.style(styles[row.result], row.result) },
		{ title: 'DETAIL', value: (row) => row.detail },
	]);
	for (const { check, remedy } of findings) if (remedy !== undefined) terminal.note(`${check}: ${remedy}`);
}

function checkNode(): Finding {
	const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
		optionalDependencies: Record<string, string>;
	};
	const pinned = manifest.optionalDependencies[`node-linux-${process.arch}`];
	const running = process.versions.node;
	if (running === pinned) return { check: 'Node.js', result: 'ok', detail: running };
	const detail = `${running} runs, ${pinned ?? 'none for this processor'} is pinned`;
	return { check: 'Node.js', result: 'wrong', detail, remedy: 'run npm ci, and start Caisson with bin/caisson' };
}

interface Tool {
	readonly program: string;
	/** The Debian package that brings it. */
	readonly debian: string;
	readonly use: string;
}

const tools: readonly Tool[] = [
	{ program: 'openssl', debian: 'openssl', use: 'checks signatures' },
	{ program: 'dpkg-deb', debian: 'dpkg', use: 'unpacks Debian packages' },
	{ program: 'mmdebstrap', debian: 'mmdebstrap', use: 'makes Debian roots' },
	{ program: 'zck', debian: 'zchunk', use: 'checks delta updates' },
];

async function checkTool({ program, debian, use }: Tool, environment: Environment): Promise<Finding> {
	const path = findProgram(program, environment);
	if (path === undefined) {
		return { check: program, result: 'missing', detail: use, remedy: `install the Debian package ${debian}` };
	}
	try {
		const { stdout } = await promisify(execFile)(path, [program === 'openssl' ? 'version' : '--version'], {
			timeout: 10_000,
		});
		return { check: program, result: 'ok', detail: `${use}: ${stdout.split('\n')[0]?.trim()}` };
	} catch (error) {
		const detail = `${path} does not run: ${(error as Error).message.split('\n')[0]}`;
		return { check: program, result: 'wrong', detail, remedy: `install the Debian package ${debian} again` };
	}
}

function findProgram(program: string, environment: Environment): string | undefined {
	for (const folder of (environment.PATH ?? '').split(delimiter).filter((part) => part !== '')) {
		const path = join(folder, program);
		try {
			accessSync(path, constants.X_OK);
			if (statSync(path).isFile()) return path;
		} catch {
			// not in this folder
		}
	}
	return undefined;
}

/** Below this a server soon cannot write: the database, its log and uploads. */
const freeSpaceWanted = 1024 ** 3;

async function checkData(path: string): Promise<Finding[]> {
	const check = 'data directory';
	try {
		const { mode, uid } = await stat(path);
		const loose = (mode & 0o077) !== 0;
		const foreign = uid !== process.getuid?.();
		const bits = (mode & 0o7777).toString(8).padStart(4, '0');
		if (loose) {
			const remedy = `chmod 0700 ${path}`;
			return [
				{ check, result: 'wrong', detail: `${path} is open to others (mode ${bits})`, remedy },
				await checkSpace(path),
			];
		}
		if (foreign)
			return [{ check, result: 'wrong', detail: `${path} belongs to another user`, remedy: 'name yours with --data' }];
		return [{ check, result: 'ok', detail: `${path}, mode ${bits}` }, await checkSpace(path)];
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
			return [{ check, result: 'wrong', detail: (error as Error).message, remedy: 'name another one with --data' }];
		}
		const detail = `${path} does not exist; caisson up makes it`;
		return [{ check, result: 'not checked', detail }, await checkSpace(path)];
	}
}

async function checkSpace(path: string): Promise<Finding> {
	const check = 'free space';
	for (let at = resolve(path); ; at = dirname(at)) {
		try {
			const { bavail, bsize } = await statfs(at);
			const free = bavail * bsize;
			const detail = `${(free / 1024 ** 3).toFixed(1)} GiB at ${at}`;
			if (free >= freeSpaceWanted) return { check, result: 'ok', detail };
			return {
				check,
				result: 'wrong',
				detail,
				remedy: 'free at least 1 GiB, or name another data directory with --data',
			};
		} catch (error) {
			if (at === dirname(at)) return { check, result: 'not checked', detail: (error as Error).message };
		}
	}
}

/** @param named a server was named, so it should answer; else none may be running yet */
async function checkServer(terminal: Terminal, named: boolean): Promise<Finding[]> {
	const token = (detail: string): Finding => ({ check: 'access', result: 'not checked', detail });
	try {
		const api = await terminal.api();
		const { status, body } = await api.request('GET', '/health', { answers: [503] });
		const up = status === 200 && (body as { status?: unknown } | undefined)?.status === 'up';
		const remedy = 'read its log';
		const server: Finding = up
			? { check: 'server', result: 'ok', detail: api.address }
			: { check: 'server', result: 'wrong', detail: `${api.address} says that it does not work`, remedy };
		return [server, await checkAccess(terminal)];
	} catch (error) {
		if (!(error instanceof CaissonError)) throw error;
		const reached = error.code !== 'server-unreachable';
		const result = named || reached ? 'wrong' : 'not checked';
		const remedy = 'start one with `caisson up`, or name one with --server';
		return [{ check: 'server', result, detail: error.message, remedy }, token('no server answers')];
	}
}

async function checkAccess(terminal: Terminal): Promise<Finding> {
	const check = 'access';
	try {
		const api = await terminal.api();
		await api.request('GET', '/api/wfx/v1/workflows', { query: { limit: 1 } });
		return { check, result: 'ok', detail: 'this command may read workflows' };
	} catch (error) {
		if (!(error instanceof CaissonError)) throw error;
		return {
			check,
			result: 'wrong',
			detail: error.message,
			remedy: 'pass --token-file, or run as the user who owns the data directory',
		};
	}
}
