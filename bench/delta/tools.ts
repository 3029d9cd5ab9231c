// The tools beside which Caisson's deltas are measured, as command lines over a pair of images. It decides their options and
// where each leaves its result; it leaves out running them.

import { join } from 'node:path';
import type { ImagePair } from './image-pair.ts';

export interface Tool {
	readonly name: string;
	/** Programs that it needs. */
	readonly programs: readonly string[];
	/** The command lines, run one after the other. */
	steps(pair: ImagePair, folder: string): [string, ...string[]][];
	/** The delta: what a device downloads. */
	result(folder: string): string;
}

export const tools: readonly Tool[] = [
	{
		name: 'rdiff',
		programs: ['rdiff'],
		steps: (pair, folder) => [
			['rdiff', '-f', 'signature', pair.old, join(folder, 'signature')],
			['rdiff', '-f', 'delta', join(folder, 'signature'), pair.new, join(folder, 'rdiff')],
		],
		result: (folder) => join(folder, 'rdiff'),
	},
	{
		name: 'xdelta3',
		programs: ['xdelta3'],
		steps: (pair, folder) => [
			['xdelta3', '-e', '-9', '-f', '-B', xdeltaWindow, '-s', pair.old, pair.new, join(folder, 'xdelta3')],
		],
		result: (folder) => join(folder, 'xdelta3'),
	},
];

/** Bytes of the old image that xdelta3 looks at, here all of them: by default it is 64 MiB, beyond which it finds nothing. */
const xdeltaWindow = String(1 << 30);

/** zck as SWUpdate's delta handler needs its files. */
export function zckWords(image: string, output: string): [string, ...string[]] {
	return ['zck', '-u', '--chunk-hash-type', 'sha256', '-o', output, image];
}
