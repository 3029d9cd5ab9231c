// What a process has used so far, as Linux tells in /proc (proc_pid_stat(5), proc_pid_status(5)): CPU time, with all
// its threads and all processes below it, and the most memory that it held.

import { readdirSync, readFileSync } from 'node:fs';

// sysconf(_SC_CLK_TCK): 100 on every architecture that Debian has.
const tick = 10;

/** CPU time in milliseconds of the process and its descendants, those that have ended and were waited for included. 0: gone. */
export function cpuTime(pid: number): number {
	return descendants(pid).reduce((sum, one) => sum + ownCpuTime(one), 0);
}

/** Most bytes that were in memory at once, of the process alone. 0: gone. */
export function peakMemory(pid: number): number {
	const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1];
	return Number(kilobytes ?? 0) * 1024;
}

/** The process and all below it that are alive. */
export function descendants(pid: number): number[] {
	const parents = new Map<number, number[]>();
	for (const name of readdirSync('/proc')) {
		if (!/^\d+$/.test(name)) continue;
		const parent = Number(fields(Number(name))[1]);
		const siblings = parents.get(parent);
		if (siblings === undefined) parents.set(parent, [Number(name)]);
		else siblings.push(Number(name));
	}
	const found = [pid];
	for (let index = 0; index < found.length; index++) found.push(...(parents.get(found[index] ?? 0) ?? []));
	return found;
}

/** Fields 14 to 17: utime, stime and those of children that were waited for. */
function ownCpuTime(pid: number): number {
	const used = fields(pid).slice(11, 15).map(Number);
	return used.reduce((sum, ticks) => sum + ticks, 0) * tick;
}

/** From the third field on: the second, the name, may hold anything but stands in parentheses. */
function fields(pid: number): string[] {
	const text = read(`/proc/${pid}/stat`);
	return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Empty where the process is gone. */
function read(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return '';
	}
}
