// Runs every command of README.md, in the order of the page and in one shell, as a reader would: in a folder that has
// this repository's bin/, with a home and a data directory of its own. `caisson up` runs beside, on free ports. The
// commands that other tests run are listed in elsewhere.ts.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, commandsOf } from './commands.ts';
import { mayFind, runElsewhere } from './elsewhere.ts';

const root = join(import.meta.dirname, '..', '..');
const commands = commandsOf(readFileSync(join(root, 'README.md'), 'utf8'));
const here = commands.filter((command) => !(command.text in runElsewhere));
const serves = (command: Command) => /^bin\/caisson up\b/.test(command.text);

/** A shell script that runs each command, keeps its output in out/LINE and writes `LINE STATUS` to the file results. */
function scriptOf(list: readonly Command[]): string {
	return list
		.map(({ text, line }) => `{ ${text}\n} </dev/null >out/${line} 2>&1\necho "${line} $?" >>results\n`)
		.join('');
}

test('every command that is run elsewhere is still in the README', () => {
	const texts = commands.map((command) => command.text);
	assert.deepEqual(
		Object.keys(runElsewhere).filter((text) => !texts.includes(text)),
		[],
	);
});

describe('README.md', () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-readme-'));
	const inherited = Object.entries(process.env).filter(([name]) => !/^(CAISSON_|XDG_|NODE_TEST|NO_COLOR)/.test(name));
	const environment = {
		...Object.fromEntries(inherited),
		HOME: folder,
		CAISSON_CLIENT_PORT: '0',
		CAISSON_MGMT_PORT: '0',
	};
	const servers: ChildProcess[] = [];
	const results = new Map<number, number>();

	async function serve({ text, line }: Command): Promise<void> {
		const options = { cwd: folder, env: environment, stdio: 'ignore' } as const;
		const server = spawn('bash', ['-c', `exec ${text} >out/${line} 2>&1`], options);
		servers.push(server);
		const data = /--data (\S+)/.exec(text)?.[1];
		assert.ok(data, `README.md:${line}: without --data this test cannot tell where it serves`);
		while (!existsSync(join(folder, data, 'server.json'))) {
			if (server.exitCode !== null) break;
			await sleep(50);
		}
	}

	before(async () => {
		mkdirSync(join(folder, 'out'));
		for (const name of ['bin', 'docs', 'testdata']) symlinkSync(join(root, name), join(folder, name));
		for (const command of here.filter(serves)) await serve(command);
		writeFileSync(join(folder, 'script'), scriptOf(here.filter((command) => !serves(command))));
		writeFileSync(join(folder, 'results'), '');
		// A group of its own, so that a command that never ends can be ended with the shell that waits for it.
		const shell = spawn('bash', ['script'], { cwd: folder, env: environment, stdio: 'ignore', detached: true });
		const limit = setTimeout(() => process.kill(-(shell.pid as number), 'SIGKILL'), 90_000);
		await once(shell, 'exit');
		clearTimeout(limit);
		for (const line of readFileSync(join(folder, 'results'), 'utf8').split('\n')) {
			const [number, status] = line.split(' ');
			if (status !== undefined) results.set(Number(number), Number(status));
		}
	});

	after(async () => {
		for (const server of servers) {
			if (server.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit');
		}
		rmSync(folder, { recursive: true, force: true });
	});

	for (const command of here) {
		test(`line ${command.line} works: ${command.text}`, () => {
			const file = join(folder, 'out', String(command.line));
			const output = existsSync(file) ? readFileSync(file, 'utf8') : 'a command before it never ended';
			const status = results.get(command.line) ?? 'none: it never ended';
			const good: (number | string)[] = command.text in mayFind ? [0, 1] : [0];
			const works = serves(command) ? servers.every((server) => server.exitCode === null) : good.includes(status);
			assert.ok(works, `README.md:${command.line}: exit status ${status}\n${output}`);
		});
	}
});
