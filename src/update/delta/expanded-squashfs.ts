// Makes of a squashfs the same file system without compression, to see what a delta of such images would take. It goes
// through the pseudo files of squashfs-tools, which need no root and keep owners, modes and devices (not extended
// attributes: the result is for measuring). It leaves out when that is worth while.

import { pipeline } from 'node:stream/promises';
import { PipedProgram, runAll } from './piped-program.ts';

const uncompressed = ['-noI', '-noD', '-noF', '-noX'];
/** One processor, so that the order of the data does not depend on how many there are; fixed times. */
const reproducible = ['-processors', '1', '-mkfs-time', '0', '-noappend', '-quiet', '-no-progress'];

/**
 * @param output a file that does not exist
 * @throws CaissonError tool-missing, file-unusable; the signal's reason when it aborts
 */
export async function expandSquashfs(image: string, output: string, signal: AbortSignal): Promise<void> {
	const run = (program: string, words: readonly string[]) =>
		new PipedProgram({ program, package: 'squashfs-tools', words, fault: 'file-unusable', signal });
	const reader = run('unsquashfs', ['-quiet', '-pf', '-', image]);
	const writer = run('mksquashfs', ['-', output, '-pf', '-', ...uncompressed, ...reproducible]);
	writer.output.resume();
	await runAll([reader, writer], () => pipeline(reader.output, writer.input).catch(() => undefined));
}
