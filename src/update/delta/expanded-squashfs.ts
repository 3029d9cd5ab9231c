// Makes of a squashfs the same file system without compression, to see what a delta of such images would take. It goes
// through a pseudo file of squashfs-tools, which needs no root and keeps owners, modes and devices (not extended
// attributes: the result is for measuring). It leaves out when that is worth while.

import { rm } from 'node:fs/promises';
import { PipedProgram, runAll } from './piped-program.ts';

const uncompressed = ['-noI', '-noD', '-noF', '-noX'];
/** One processor, so that the order of the data does not depend on how many there are; fixed times. */
const reproducible = ['-processors', '1', '-mkfs-time', '0', '-noappend', '-quiet', '-no-progress'];

/**
 * @param output a file that does not exist; for a while there is one with `.pseudo` behind its name as well, which holds
 * the content once more
 * @throws CaissonError tool-missing, file-unusable; the signal's reason when it aborts
 */
export async function expandSquashfs(image: string, output: string, signal: AbortSignal): Promise<void> {
	const run = async (program: string, words: readonly string[]) => {
		const one = new PipedProgram({ program, package: 'squashfs-tools', words, fault: 'file-unusable', signal });
		one.input.end();
		one.output.resume();
		await runAll([one], async () => undefined);
	};
	// Not "-" for a pipe: version 4.5 of the tools takes that for the name of a file.
	const pseudo = `${output}.pseudo`;
	try {
		await run('unsquashfs', ['-quiet', '-no-progress', '-pf', pseudo, image]);
		await run('mksquashfs', ['-', output, '-pf', pseudo, ...uncompressed, ...reproducible]);
	} finally {
		await rm(pseudo, { force: true });
	}
}
