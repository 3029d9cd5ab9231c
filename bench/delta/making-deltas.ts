// What making a delta costs with rdiff and xdelta3, in turns on the same pair of images: to be read beside the writing of a
// .zck (zck-writing.ts). It leaves out what a device downloads (downloads.ts).

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
export async function measureDeltas(
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
	const row = (name: string, unit: string, value: (one: MeasuredRun) => number): Row => {
		return { name, unit, values: each.map(value) };
	};
	const rows: Row[] = [
		row('wall time', 's', ({ wall }) => wall),
		row('processor time', 's', ({ processor }) => processor),
		row('peak memory', 'MB', ({ memory }) => memory / 1e6),
		{ name: 'delta', unit: 'MB', values: there.map((tool) => (sizes.get(tool) ?? 0) / 1e6) },
	];
	return { table: { title: 'Making a delta with other tools', columns: there.map(({ name }) => name), rows }, notes };
}
