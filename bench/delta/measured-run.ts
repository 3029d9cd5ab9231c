// Runs a program to its end and tells what it took: wall time, processor time, peak memory, as GNU time measures them over
// the program and what it waited for. It leaves out what the program makes.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../src/outside/processes.ts';

export interface MeasuredRun {
	/** Seconds. */
	readonly wall: number;
	/** Seconds, user and system, over all threads. */
	readonly processor: number;
	/** Bytes: the most that was resident at once, of the largest process. */
	readonly memory: number;
}

/** @throws Error with what the program said where it does not end with 0 */
export async function measuredRun(program: string, words: readonly string[]): Promise<MeasuredRun> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-measured-'));
	try {
		const report = join(folder, 'report');
		const { code, output } = await runProgram('time', ['-f', '%e %U %S %M', '-o', report, program, ...words]);
		if (code !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${code}: ${output.slice(-2000)}`);
		const [wall = 0, user = 0, system = 0, kilobytes = 0] = (await readFile(report, 'utf8'))
			.trim()
			.split(' ')
			.map(Number);
		return { wall, processor: user + system, memory: kilobytes * 1024 };
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/** One program after the other, as one. */
export async function measuredRuns(steps: readonly (readonly [string, ...string[]])[]): Promise<MeasuredRun> {
	let sum: MeasuredRun = { wall: 0, processor: 0, memory: 0 };
	for (const [program, ...words] of steps) {
		const { wall, processor, memory } = await measuredRun(program, words);
		sum = {
			wall: sum.wall + wall,
			processor: sum.processor + processor,
			memory: Math.max(sum.memory, memory),
		};
	}
	return sum;
}

/** The median of each figure by itself. */
export function medians(runs: readonly MeasuredRun[]): MeasuredRun {
	const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
	return {
		wall: median(runs.map(({ wall }) => wall)),
		processor: median(runs.map(({ processor }) => processor)),
		memory: median(runs.map(({ memory }) => memory)),
	};
}
