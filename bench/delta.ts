// What a delta update of a real image costs: bytes that a device downloads, and time and memory of packing, beside zck, rdiff
// and xdelta3 on two images of a Debian device that differ by one package. Figures; where one misses its bar, it says so.
//
//   npm run bench -- delta [--runs 5] [--part downloads|packing]… [--json]
//
// The images are made once, which takes some minutes and the Debian archive; they are kept in the user's cache.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { programsMissing } from '../testing/real-device/programs.ts';
import { type Downloads, measureDownloads } from './delta/downloads.ts';
import { type MadePair, pairPrograms, preparePair } from './delta/image-pair.ts';
import { measureDeltas } from './delta/making-deltas.ts';
import { zckWriting } from './delta/zck-writing.ts';
import { thisMachine } from './report/machine.ts';
import { figure, printReport, type Row, type Table } from './report/report.ts';

const { values: options } = parseArgs({
	options: {
		runs: { type: 'string', default: '5' },
		part: { type: 'string', multiple: true },
		json: { type: 'boolean', default: false },
	},
});
const runs = Number(options.runs);
const parts = options.part ?? ['downloads', 'packing'];
const unknown = parts.find((part) => !['downloads', 'packing'].includes(part));
if (unknown !== undefined) throw new Error(`--part ${unknown}: there are downloads and packing`);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs is a whole number from 1');

const note = (line: string) => process.stderr.write(`${line}\n`);

/** What a device gets beyond the least that zchunk needs, in per cent of that. */
function beyond(downloads: Downloads): number | undefined {
	const { real, said } = downloads;
	return real === undefined || said === undefined ? undefined : ((real.update + real.ranges) / said - 1) * 100;
}

function downloadTable(all: readonly Downloads[]): Table {
	const row = (name: string, value: (one: Downloads) => number | undefined): Row => {
		const bytes = all.map(value);
		return { name, unit: 'MB', values: bytes.map((size) => (size === undefined ? undefined : size / 1e6)) };
	};
	return {
		title: 'What a device downloads that holds the old image',
		columns: ['uncompressed squashfs', 'squashfs with zstd'],
		rows: [
			row('the image', ({ image }) => image),
			row('the whole .zck', ({ zck }) => zck),
			row('zchunk: zck_delta_size says', ({ said }) => said),
			row('zchunk: Caisson plans, payload', ({ planned }) => planned.payload),
			row('zchunk: Caisson plans, with HTTP', ({ planned }) => planned.traffic),
			row('zchunk: SWUpdate got, .swu and all of HTTP', ({ real }) => real && real.update + real.ranges),
			{ name: 'beyond what zck_delta_size says', unit: '%', values: all.map(beyond), bar: { value: 2 } },
			{ name: 'requests', unit: '', values: all.map(({ real }) => real?.requests) },
			{ name: 'ranges', unit: '', values: all.map(({ planned }) => planned.ranges) },
			{ name: 'installation', unit: 's', values: all.map(({ real }) => real?.took) },
			row('rdiff delta', ({ rdiff }) => rdiff),
			row('rdiff delta, zstd -19', ({ rdiffZstd }) => rdiffZstd),
			row('xdelta3 -9', ({ xdelta3 }) => xdelta3),
		],
	};
}

/** What a release engineer learns from the two columns. */
function advice([plain, compressed]: readonly Downloads[]): string[] {
	const [one, other] = [plain?.planned.traffic, compressed?.planned.traffic];
	if (one === undefined || other === undefined) return [];
	const [rdiff, rdiffCompressed] = [plain?.rdiffZstd, compressed?.rdiffZstd];
	const lines = [`Compression inside the squashfs makes the zchunk download ${figure(other / one)} times as large.`];
	if (rdiff !== undefined && rdiffCompressed !== undefined) {
		lines.push(`It makes the compressed rdiff delta ${figure(rdiffCompressed / rdiff)} times as large.`);
	}
	return lines;
}

async function measureAllDownloads(pair: MadePair): Promise<Part> {
	const all: Downloads[] = [];
	for (const kind of ['uncompressed', 'zstd'] as const) {
		note(`downloads of the ${kind} pair`);
		all.push(await measureDownloads(pair.images[kind], pair.folder, note));
	}
	const notes = [...new Set(all.flatMap((one) => one.notes))];
	return { table: downloadTable(all), notes: [...notes, ...advice(all)] };
}

interface Part {
	/** Absent where it could not be measured. */
	readonly table?: Table;
	readonly notes: readonly string[];
}

async function measureWriting(pair: MadePair): Promise<Part> {
	const missing = await programsMissing(['zck']);
	if (missing !== undefined) return { notes: [`Writing is not compared with zck. ${missing}`] };
	return { table: await zckWriting(pair.images.uncompressed.new, runs, note), notes: [] };
}

async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-bench-delta-'));
	try {
		return await work(folder);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

const machine = thisMachine();
const missing = await programsMissing(['time', ...pairPrograms.map(([program]) => program)]);
if (missing !== undefined) {
	console.error(`The benchmark cannot run. ${missing}`);
	process.exitCode = 2;
} else {
	const pair = await preparePair(note);
	const tables: Table[] = [];
	const notes = [`The images differ by ${pair.changed.join(', ')}.`];
	if (pair.took > 0) notes.push(`Making them took ${figure(pair.took / 1000)} s.`);
	const measured: (() => Promise<Part>)[] = [
		...(parts.includes('downloads') ? [() => measureAllDownloads(pair)] : []),
		...(parts.includes('packing')
			? [
					() => measureWriting(pair),
					() => withFolder((folder) => measureDeltas(pair.images.uncompressed, runs, folder, note)),
				]
			: []),
	];
	for (const measure of measured) {
		const { table, notes: more } = await measure();
		if (table !== undefined) tables.push(table);
		notes.push(...more);
	}
	printReport(
		{
			name: 'delta',
			about: 'zchunk, rdiff and xdelta3 deltas of a real image that differs by one package.',
			machine,
			settings: {
				images: `${pair.folder} (squashfs of a Debian root, made by mmdebstrap and mksquashfs)`,
				zck: 'zck -u --chunk-hash-type sha256, as SWUpdate needs it',
				packing: `${runs} runs of each program, alternating; medians`,
				xdelta3: 'xdelta3 -9 with a window over the whole old image',
			},
			tables,
			notes,
		},
		options.json ? ['--json'] : [],
	);
}
