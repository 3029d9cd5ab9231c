// What packing costs: Caisson's zchunk writer beside zck, rdiff and xdelta3 on the same images, in turns. It leaves out
// what a device downloads (downloads.ts).

import { rm, stat } from 'node:fs/promises';
import { programsMissing } from '../../testing/real-device/programs.ts';
import type { Row, Table } from '../report/report.ts';
import type { ImagePair } from './image-pair.ts';
import { type MeasuredRun, measuredRuns, medians } from './measured-run.ts';
import { type Tool, tools } from './tools.ts';

/**
 * @param runs of each tool; they alternate, so that what else the machine does meets all of them
 * @param folder for the results, which are deleted
 */
export async function measurePacking(
	pair: ImagePair,
	runs: number,
	folder: string,
	note: (line: string) => void,
): Promise<{ table: Table; notes: string[] }> {
	const notes: string[] = [];
	const there: Tool[] = [];
	for (const tool of tools) {
		const missing = await programsMissing(tool.programs);
		if (missing === undefined) there.push(tool);
		else notes.push(`${tool.name} is not compared. ${missing}`);
	}
	const taken = new Map<Tool, MeasuredRun[]>(there.map((tool) => [tool, []]));
	const sizes = new Map<Tool, number>();
	for (let run = 1; run <= runs; run++) {
		for (const tool of there) {
			const measured = await measuredRuns(tool.steps(pair, folder));
			taken.get(tool)?.push(measured);
			sizes.set(tool, (await stat(tool.result(folder))).size);
			await rm(tool.result(folder), { force: true });
			note(`run ${run}: ${tool.name} ${measured.wall.toFixed(1)} s`);
		}
	}
	const each = there.map((tool) => medians(taken.get(tool) ?? []));
	const row = (name: string, unit: string, value: (one: MeasuredRun) => number, bar?: Row['bar']): Row => ({
		...{ name, unit, values: each.map(value), better: 'less' },
		...(bar && { bar }),
	});
	const rows: Row[] = [
		row('wall time', 's', ({ wall }) => wall, { ratio: 1.5 }),
		// At most 1.2 times the processor time of zck.
		row('processor time', 's', ({ processor }) => processor, { ratio: 1 / 1.2 }),
		row('peak memory', 'MB', ({ memory }) => memory / 1e6, { value: 300 }),
		{
			...{ name: 'result', unit: 'MB', better: 'less' },
			values: there.map((tool) => (sizes.get(tool) ?? 0) / 1e6),
			// At most 1 % larger than that of zck.
			bar: { ratio: 1 / 1.01 },
		},
	];
	const title = `Packing the new image, medians of ${runs} (zck files of the whole image; deltas from the old one)`;
	return { table: { title, columns: there.map(({ name }) => name), rows }, notes };
}
