// Runs the command lines of a case file in this process and compares what they print and how they end. With
// CAISSON_WRITE_CASES=1 in the environment it writes what it saw into the file instead: read the difference before
// committing it.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { runCommandLine } from '../../programs/cli/run.ts';
import { type CaseStep, Names, parseCaseFile, renderCaseFile, splitWords } from './case-file.ts';

export interface RunResult {
	readonly stdout: string;
	readonly stderr: string;
	readonly exit: number;
}

/** One command line, without the word `caisson`; no local server is found. */
export async function runCaisson(
	words: readonly string[],
	stdin = '',
	environment: Readonly<Record<string, string | undefined>> = {},
): Promise<RunResult> {
	const seen = { stdout: '', stderr: '' };
	const stream = (name: 'stdout' | 'stderr') => ({
		write: (chunk: string | Uint8Array) => {
			seen[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
		},
	});
	const exit = await runCommandLine(words, {
		stdout: stream('stdout'),
		stderr: stream('stderr'),
		stdin: () => Readable.from([stdin]),
		environment,
		interrupted: () => new AbortController().signal,
		localServers: { find: async () => undefined },
	});
	return { ...seen, exit };
}

/**
 * Runs a case file.
 * @param addresses of a running server, for cases that need one: `server` northbound, `south` southbound
 */
export async function runCaseFile(path: string, addresses: { server?: string; south?: string } = {}): Promise<void> {
	const expected = parseCaseFile(readFileSync(path, 'utf8'));
	const names = new Names(addresses);
	const environment = { CAISSON_SERVER: addresses.server };
	const seen: CaseStep[] = [];
	for (const step of expected) {
		const [program, ...words] = splitWords(names.show(step.line));
		assert.equal(program, 'caisson', `${path}: a command line starts with caisson`);
		const result = await runCaisson(words, step.stdin, environment);
		// stdout first: an id is numbered where a result shows it.
		seen.push({ ...step, stdout: names.hide(result.stdout), stderr: names.hide(result.stderr), exit: result.exit });
	}
	if (process.env.CAISSON_WRITE_CASES === '1') writeFileSync(path, renderCaseFile(seen));
	else assert.equal(renderCaseFile(seen), renderCaseFile(expected));
}
