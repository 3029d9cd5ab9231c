// The machine that a benchmark ran on, as far as it explains the figures: processors, memory, kernel, Node, the
// disk's file system, and how busy it was with other things.

import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem, version } from 'node:os';

export interface Machine {
	readonly processor: string;
	/** Processors that this process may use. */
	readonly processors: number;
	/** Bytes. */
	readonly memory: number;
	readonly kernel: string;
	readonly node: string;
	/** Where temporary files lie, and on what. */
	readonly temporary: string;
	/** Average number of processes that wanted to run in the minute before. */
	readonly load: number;
}

export function thisMachine(): Machine {
	return {
		processor: cpus()[0]?.model.trim() || process.arch,
		processors: availableParallelism(),
		memory: totalmem(),
		kernel: `${release()} ${version()}`,
		node: process.version,
		temporary: `${tmpdir()} (${fileSystemOf(tmpdir())})`,
		load: loadavg()[0] ?? 0,
	};
}

/** Lines for people. */
export function machineLines(machine: Machine): string[] {
	const memory = `${(machine.memory / 2 ** 30).toFixed(1)} GiB`;
	const lines = [
		`machine  ${machine.processors} × ${machine.processor}, ${memory}; load ${machine.load.toFixed(2)} at the start`,
		`system   Linux ${machine.kernel}; Node ${machine.node}; temporary files in ${machine.temporary}`,
	];
	if (machine.load > machine.processors / 2) {
		lines.push('         The machine is busy with other things: rates are too low, ratios and CPU times hold better.');
	}
	return lines;
}

/** By the longest mount point that the folder lies below. */
function fileSystemOf(folder: string): string {
	const below = (point: string) => folder === point || folder.startsWith(point === '/' ? '/' : `${point}/`);
	const mounts = readFileSync('/proc/self/mounts', 'utf8')
		.split('\n')
		.map((line) => line.split(' '))
		.filter(([, point]) => point !== undefined && below(point))
		.sort(([, a = ''], [, b = '']) => a.length - b.length);
	const free = statfsSync(folder);
	return `${mounts.at(-1)?.[2] ?? 'unknown'}, ${Math.round((free.bavail * free.bsize) / 2 ** 30)} GiB free`;
}
