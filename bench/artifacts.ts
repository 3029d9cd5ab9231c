// Ranges of artifacts a second and bytes a second on loopback, beside nginx from Debian with the same file, and whether both
// send the same bytes. `npm run bench -- artifacts [SECONDS] [--json]` (default 3 s a run, five runs each in turn).

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../src/artifact/contract.ts';
import { startServer } from '../testing/kill-series/server-process.ts';
import { fetchWhole, type Load, load, type Server } from './artifacts/client.ts';
import { nginxMissing, nginxThere, startNginx } from './artifacts/nginx.ts';
import { thisMachine } from './report/machine.ts';
import { printReport, type Row, type Table } from './report/report.ts';

const size = 256 * 2 ** 20;
const small = 4096;
const runs = 5;

interface Contender extends Server {
	readonly pids: readonly number[];
}

interface Case {
	readonly name: string;
	readonly load: Omit<Load, 'milliseconds'>;
	readonly unit: 'answers' | 'MB';
}

const anywhere = (length: number) => () => {
	const start = Math.floor(Math.random() * (size - length));
	return `${start}-${start + length - 1}`;
};

const several = (count: number, length: number) => () => {
	const gap = Math.floor(size / count);
	return Array.from({ length: count }, (_, index) => `${index * gap}-${index * gap + length - 1}`).join(',');
};

const cases: readonly Case[] = [
	{
		name: 'one range of 4 KiB, 8 connections kept',
		load: { range: anywhere(small), bytes: small, connections: 8, anew: false },
		unit: 'answers',
	},
	{
		name: 'one range of 4 KiB, a connection each',
		load: { range: anywhere(small), bytes: small, connections: 8, anew: true },
		unit: 'answers',
	},
	{
		name: 'one range of 64 MiB',
		load: { range: anywhere(2 ** 26), bytes: 2 ** 26, connections: 1, anew: false },
		unit: 'MB',
	},
	{
		name: 'the whole file, 4 connections',
		load: { range: () => undefined, bytes: size, connections: 4, anew: false },
		unit: 'MB',
	},
	{
		name: '150 ranges of 30 kB, a connection each',
		load: { range: several(150, 30_000), bytes: 150 * 30_000, connections: 2, anew: true },
		unit: 'MB',
	},
];

/** Seconds of processor time that the processes have used. */
function processorTime(pids: readonly number[]): number {
	const ticks = pids.map((pid) => {
		const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
		return Number(fields[11]) + Number(fields[12]);
	});
	return ticks.reduce((sum, value) => sum + value, 0) / 100;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

interface Measured {
	readonly rate: number;
	/** Milliseconds of processor time an answer, or a MB. */
	readonly cost: number;
}

async function measure(contender: Contender, one: Case, milliseconds: number): Promise<Measured> {
	const before = processorTime(contender.pids);
	const began = performance.now();
	const { answers, bytes } = await load(contender, { ...one.load, milliseconds });
	const seconds = (performance.now() - began) / 1000;
	const rate = one.unit === 'MB' ? bytes / 1e6 : answers;
	return { rate, cost: ((processorTime(contender.pids) - before) * 1000) / (rate * seconds) };
}

async function compare(contenders: readonly Contender[], one: Case, milliseconds: number): Promise<Row[]> {
	const results: Measured[][] = contenders.map(() => []);
	for (let run = 0; run < runs; run++) {
		for (const [index, contender] of contenders.entries()) {
			results[index]?.push(await measure(contender, one, milliseconds));
		}
	}
	const medians = (pick: (measured: Measured) => number) => results.map((result) => median(result.map(pick)));
	const bar = one.name.startsWith('one range') ? { bar: { ratio: 0.5 } } : {};
	return [
		{ name: one.name, unit: `${one.unit}/s`, values: medians(({ rate }) => rate), better: 'more', ...bar },
		{
			name: '  its processor time',
			unit: one.unit === 'MB' ? 'ms/MB' : 'ms/answer',
			values: medians(({ cost }) => cost),
			better: 'less',
		},
	];
}

/** The parts of a multipart answer: where each lies, and its bytes. */
function partsOf({ head, body }: { head: string; body: Buffer }): { range: string; bytes: Buffer }[] {
	const boundary = /multipart\/byteranges; boundary=(\S+)/.exec(head)?.[1];
	if (boundary === undefined) throw new Error(`no parts: ${head}`);
	const parts: { range: string; bytes: Buffer }[] = [];
	for (let at = body.indexOf(`--${boundary}`); at >= 0; ) {
		const end = body.indexOf('\r\n\r\n', at);
		if (end < 0) break;
		const range = /content-range: bytes (\d+)-(\d+)\//i.exec(body.subarray(at, end).toString('latin1'));
		if (range === null) break;
		const length = Number(range[2]) - Number(range[1]) + 1;
		parts.push({ range: `${range[1]}-${range[2]}`, bytes: body.subarray(end + 4, end + 4 + length) });
		at = body.indexOf(`--${boundary}`, end + 4 + length);
	}
	return parts;
}

/** Every part of one beside the same part of the other and beside the file. @returns how many were equal */
async function sameParts(contenders: readonly Contender[], file: Uint8Array): Promise<number> {
	let equal = 0;
	for (const count of [2, 10, 59, 150]) {
		const range = Array.from({ length: count }, (_, index) => {
			const start = Math.floor(((index * 7919) % count) * (size / count));
			return `${start}-${start + 999 + index * 37}`;
		}).join(',');
		const [ours = [], theirs = []] = await Promise.all(
			contenders.map(async (contender) => partsOf(await fetchWhole(contender, range))),
		);
		const wanted = range.split(',');
		for (const [index, one] of wanted.entries()) {
			const [start = 0, end = 0] = one.split('-').map(Number);
			const [left, right] = [ours[index], theirs[index]];
			const bytes = file.subarray(start, end + 1);
			if (left?.range !== one || right?.range !== one || !left.bytes.equals(right.bytes) || !left.bytes.equals(bytes)) {
				throw new Error(`part ${index} of ${count} (${one}) differs`);
			}
			equal++;
		}
	}
	return equal;
}

async function main(words: readonly string[]): Promise<number> {
	const seconds = Number(words.find((word) => /^[\d.]+$/.test(word)) ?? 3);
	if (!nginxThere()) {
		process.stderr.write(`${nginxMissing}\n`);
		return 2;
	}
	const folder = mkdtempSync(join(tmpdir(), 'caisson-bench-artifacts-'));
	const server = await startServer(join(folder, 'caisson'));
	const root = join(folder, 'files');
	mkdirSync(root);
	const file = randomBytes(size);
	const digest = sha256(file);
	writeFileSync(join(root, digest), file);
	const nginx = await startNginx(join(folder, 'nginx'), root);
	try {
		const put = await fetch(`${server.northbound}/api/caisson/v1/artifacts/sha256/${digest}`, {
			method: 'PUT',
			body: file,
		});
		if (!put.ok) throw new Error(`the upload was refused: ${put.status}`);
		const contenders: Contender[] = [
			{ port: Number(new URL(server.southbound).port), path: `/artifacts/sha256/${digest}`, pids: [server.pid] },
			{ port: nginx.port, path: `/${digest}`, pids: nginx.pids },
		];
		const equal = await sameParts(contenders, file);
		for (const contender of contenders) await measure(contender, cases[0] as Case, 1000);
		const rows: Row[] = [];
		for (const one of cases) rows.push(...(await compare(contenders, one, seconds * 1000)));
		const table: Table = { title: 'Serving artifacts', columns: ['Caisson', 'nginx'], rows };
		const report = {
			name: 'artifacts',
			about: 'one artifact of 256 MiB, in the page cache, over loopback without TLS.',
			machine: thisMachine(),
			settings: {
				nginx: `${nginx.version}, one worker, sendfile`,
				'a run': `${seconds} s`,
				runs: `${runs} each in turn, medians`,
			},
			tables: [table],
			notes: [
				`${equal} parts of answers with 2 to 150 ranges have the same place and the same bytes as nginx's and as the file.`,
				'The client is one Node process on the same machine and takes its share of the processors from both. With 4 KiB it, and ' +
					'not nginx, is what limits nginx: there the processor time of an answer tells the servers apart better than the rate.',
			],
		};
		printReport(report, words);
		return 0;
	} finally {
		await nginx.stop();
		await server.stop();
		rmSync(folder, { recursive: true, force: true });
	}
}

process.exitCode = await main(process.argv.slice(2));
