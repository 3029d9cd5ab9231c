// `node testing/wfx-differential`: reads the command line, runs the script against two servers, or one server and a
// recording, and prints every difference. Exit code 0: the same; 1: differences; 2: trouble (wrong use, a server that
// does not answer or is not empty).
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { acceptedTable, judge, page, readAccepted, withTable } from './accepted.ts';
import { compareChapter, type Difference } from './compare.ts';
import { readRecording, writeRecording } from './recording.ts';
import { clear, requireEmpty, runChapter, type Server, Trouble } from './run.ts';
import { makeSampleFiles } from './sample-files.ts';
import { script } from './script/script.ts';
import type { Answer, Chapter } from './step.ts';

const HELP = `Send one recorded script of requests, good and bad, to two servers and print
every difference in status, headers that matter and body.

Usage: node testing/wfx-differential [options] SOUTH_A,NORTH_A SOUTH_B,NORTH_B
       node testing/wfx-differential [options] --replay DIR SOUTH_B,NORTH_B
       node testing/wfx-differential [options] --record DIR SOUTH_A,NORTH_A

A side is two base URLs: http://127.0.0.1:8080,http://127.0.0.1:8081

Options:
  --record DIR       write the answers of the first side to DIR
  --replay DIR       compare with the answers in DIR instead of a first side
  --only NAME        run this chapter only; may be repeated
  --token-a TOKEN    send this bearer token to the northbound port of side A
  --token-b TOKEN    the same for side B
  --clear            delete what the servers hold before starting
  --with-files       the servers serve the sample files under /download: run
                     the chapters that need this instead of all others
  --make-files DIR   write the sample files to DIR (serve it with
                     --simple-fileserver DIR) and stop
  --list             list the chapters and stop
  --write-table      write the accepted differences into
                     docs/wfx-compatibility.md and stop
  --format json      print differences as JSON
  --help             show this text
`;

class WrongUse extends Error {}

/** Runs the command; resolves to the exit code. Output goes to stdout, trouble to stderr. */
export async function main(args: readonly string[]): Promise<number> {
	try {
		return await run(args);
	} catch (error) {
		if (!(error instanceof Error)) throw error;
		const wrongUse = error instanceof WrongUse || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
		if (!wrongUse && !(error instanceof Trouble)) throw error;
		process.stderr.write(`wfx-differential: ${error.message}\n${wrongUse ? '\nSee --help.\n' : ''}`);
		return 2;
	}
}

async function run(args: readonly string[]): Promise<number> {
	const { values, positionals } = parseArgs({
		args: [...args],
		allowPositionals: true,
		options: {
			record: { type: 'string' },
			replay: { type: 'string' },
			only: { type: 'string', multiple: true },
			'token-a': { type: 'string' },
			'token-b': { type: 'string' },
			clear: { type: 'boolean' },
			'with-files': { type: 'boolean' },
			'make-files': { type: 'string' },
			list: { type: 'boolean' },
			'write-table': { type: 'boolean' },
			format: { type: 'string' },
			help: { type: 'boolean', short: 'h' },
		},
	});
	if (values.help === true) return print(HELP);
	if (values.list === true) return print(listing());
	if (values['make-files'] !== undefined) {
		makeSampleFiles(values['make-files']);
		return 0;
	}
	if (values['write-table'] === true) {
		writeFileSync(page, withTable(readFileSync(page, 'utf8'), acceptedTable(readAccepted())));
		return 0;
	}
	if (values.format !== undefined && values.format !== 'text' && values.format !== 'json')
		throw new WrongUse(`--format is text or json, not ${values.format}`);
	const chapters = chosen(values.only ?? [], values['with-files'] === true);
	const servers = sides(positionals, values);
	for (const server of servers) await (values.clear === true ? clear(server) : requireEmpty(server));

	const differences: Difference[] = [];
	let requests = 0;
	for (const chapter of chapters) {
		const answers = await runChapter(chapter, servers);
		const [a, b] = values.replay === undefined ? answers : [recorded(values.replay, chapter.name), answers[0]];
		requests += requestsOf(chapter);
		if (values.record !== undefined && a !== undefined) writeRecording(values.record, chapter.name, a);
		if (a !== undefined && b !== undefined) differences.push(...compareChapter(chapter.name, a, b));
	}
	if (values.replay === undefined && servers.length === 1)
		return print(`${requests} requests in ${chapters.length} chapters recorded in ${values.record}\n`);
	return report(differences, requests, chapters.length, values.format === 'json');
}

function chosen(only: readonly string[], withFiles: boolean): readonly Chapter[] {
	for (const name of only)
		if (!script.some((chapter) => chapter.name === name)) throw new WrongUse(`no chapter ${name}; see --list`);
	if (only.length > 0) return script.filter((chapter) => only.includes(chapter.name));
	return script.filter((chapter) => (chapter.needsFiles === true) === withFiles);
}

function sides(positionals: readonly string[], values: Record<string, unknown>): readonly Server[] {
	const alone = values.replay !== undefined ? 'b' : 'a';
	const wanted =
		values.replay === undefined && values.record === undefined ? [2] : values.replay === undefined ? [1, 2] : [1];
	if (!wanted.includes(positionals.length))
		throw new WrongUse(`expected ${wanted.join(' or ')} sides, got ${positionals.length}`);
	return positionals.map((text, index) => {
		const [south, north, ...rest] = text.split(',');
		if (!URL.canParse(south ?? '') || !URL.canParse(north ?? '') || rest.length > 0)
			throw new WrongUse(`"${text}" is not SOUTH,NORTH (two URLs)`);
		const token = values[`token-${positionals.length === 1 ? alone : index === 0 ? 'a' : 'b'}`];
		return {
			south: new URL(south ?? ''),
			north: new URL(north ?? ''),
			token: typeof token === 'string' ? token : undefined,
		};
	});
}

function recorded(dir: string, chapter: string): Map<string, Answer> {
	try {
		return readRecording(dir, chapter);
	} catch (cause) {
		throw new Trouble(`no usable recording of ${chapter} in ${dir}: ${(cause as Error).message}`, { cause });
	}
}

/** Requests of a chapter: every step but the reading of an event stream. */
export const requestsOf = (chapter: Chapter): number =>
	chapter.steps.filter((step) => step.events?.startsWith('read') !== true).length;

function report(differences: readonly Difference[], requests: number, chapters: number, json: boolean): number {
	const { accepted, refused } = judge(differences, readAccepted());
	if (json) {
		const marked = differences.map((one) => ({
			...one,
			accepted: accepted.find((two) => two.difference === one)?.row.reason ?? null,
		}));
		print(`${JSON.stringify({ requests, chapters, differences: marked })}\n`);
		return refused.length === 0 ? 0 : 1;
	}
	for (const { chapter, step, what, a, b } of refused) print(`${chapter}/${step}: ${what}\n  A ${a}\n  B ${b}\n`);
	for (const { difference, row } of accepted)
		print(
			`${difference.chapter}/${difference.step}: ${difference.what} (accepted: ${row.reason})\n  A ${difference.a}\n  B ${difference.b}\n`,
		);
	print(`${requests} requests in ${chapters} chapters: ${refused.length} differences, ${accepted.length} accepted\n`);
	return refused.length === 0 ? 0 : 1;
}

function listing(): string {
	const lines = script.map(
		(one) =>
			`${one.name.padEnd(22)} ${String(requestsOf(one)).padStart(4)}  ${one.about}${one.needsFiles ? ' (--with-files)' : ''}`,
	);
	return `${lines.join('\n')}\n`;
}

function print(text: string): 0 {
	process.stdout.write(text);
	return 0;
}
