// The tools beside which Caisson's packing is measured, as command lines over a pair of images. It decides their options and
// where each leaves its result; it leaves out running them.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImagePair } from './image-pair.ts';

export interface Tool {
	readonly name: string;
	/** Programs that it needs. */
	readonly programs: readonly string[];
	/** The command lines, run one after the other. */
	steps(pair: ImagePair, folder: string): [string, ...string[]][];
	/** What a device downloads, or a server holds. */
	result(folder: string): string;
}

const caisson = fileURLToPath(new URL('../../bin/caisson', import.meta.url));

/** What Caisson is compared to comes after it; the first of them is what its bars are about. */
export const tools: readonly Tool[] = [
	{
		name: 'Caisson',
		programs: [],
		steps: (pair, folder) => [[caisson, 'update', 'chunk', pair.new, '-o', join(folder, 'caisson.zck')]],
		result: (folder) => join(folder, 'caisson.zck'),
	},
	{
		name: 'zck',
		programs: ['zck'],
		steps: (pair, folder) => [zckWords(pair.new, join(folder, 'zck.zck'))],
		result: (folder) => join(folder, 'zck.zck'),
	},
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
