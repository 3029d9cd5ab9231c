// How often a process asks the disk to make writes durable, counted by strace while it is under load: what a setting
// of durability comes to. strace slows the process, so nothing else is measured meanwhile.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** @returns calls of fsync and fdatasync while `work` runs; undefined where strace is missing or may not look */
export async function countSyncs(pid: number, work: () => Promise<unknown>): Promise<number | undefined> {
	if (spawnSync('strace', ['--version']).status !== 0) return undefined;
	const child = spawn('strace', ['-f', '-qq', '-c', '-e', 'trace=fsync,fdatasync', '-p', String(pid)], {
		stdio: ['ignore', 'ignore', 'pipe'],
	});
	let said = '';
	child.stderr.on('data', (chunk: Buffer) => {
		said += chunk.toString();
	});
	const gone = once(child, 'close');
	await work();
	child.kill('SIGINT');
	await gone;
	if (/ptrace|not permitted/i.test(said)) return undefined;
	return [...said.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*\bf(?:data)?sync$/gm)].reduce(
		(sum, [, calls]) => sum + Number(calls),
		0,
	);
}
