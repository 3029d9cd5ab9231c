// Writing a .zck beside Debian's zck on one image: wall time, processor time, memory and size, of alternating runs, each
// program as a user starts it. The page cache is warm for all. It leaves out which image: the caller has one.

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Table } from '../report/report.ts';
import { type MeasuredRun, measuredRun, medians } from './measured-run.ts';

const caisson = fileURLToPath(new URL('../../bin/caisson', import.meta.url));

interface Contender {
	readonly name: string;
	readonly command: (image: string, output: string) => [program: string, ...words: string[]];
}

const contenders: readonly Contender[] = [
	{ name: 'caisson', command: (image, output) => [caisson, 'update', 'chunk', image, '-o', output] },
	{ name: 'zck', command: (image, output) => ['zck', '-u', '-h', 'sha256', '-o', output, image] },
	{
		name: 'caisson --strategy zck',
		command: (image, output) => [caisson, 'update', 'chunk', image, '-o', output, '--strategy', 'zck'],
	},
];

/**
 * @param runs of each, alternating; the figures are medians
 * @param note told of each run
 * @throws Error where a program fails
 */
export async function zckWriting(image: string, runs: number, note: (line: string) => void): Promise<Table> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-zck-writing-'));
	try {
		const measured = contenders.map(() => [] as MeasuredRun[]);
		const sizes: number[] = [];
		for (let run = 0; run < runs; run++) {
			for (const [index, { name, command }] of contenders.entries()) {
				const output = join(folder, `${index}.zck`);
				const [program, ...words] = command(image, output);
				const result = await measuredRun(program, words);
				measured[index]?.push(result);
				sizes[index] = (await stat(output)).size;
				note(`${name}: ${result.wall.toFixed(1)} s, processor ${result.processor.toFixed(1)} s`);
			}
		}
		const middle = measured.map(medians);
		const zckFigures = middle[1] as MeasuredRun;
		return {
			title: `Writing a .zck of ${Math.round((await stat(image)).size / 1e6)} MB`,
			columns: contenders.map(({ name }) => name),
			rows: [
				{ name: 'wall time', unit: 's', values: middle.map(({ wall }) => wall), better: 'less', bar: { ratio: 1.5 } },
				{
					name: 'processor time',
					unit: 's',
					values: middle.map(({ processor }) => processor),
					better: 'less',
					bar: { value: 1.2 * zckFigures.processor },
				},
				{
					name: 'peak memory',
					unit: 'MB',
					values: middle.map(({ memory }) => memory / 1e6),
					better: 'less',
					bar: { value: 300 },
				},
				{
					name: 'size',
					unit: 'MB',
					values: sizes.map((size) => size / 1e6),
					better: 'less',
					bar: { value: (1.01 * (sizes[1] as number)) / 1e6 },
				},
			],
		};
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
