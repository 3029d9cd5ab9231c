// The Terminal over three streams: what is written where, in which form, on a terminal and elsewhere. It leaves out
// which streams these are (process-terminal.ts, recording-terminal.ts) and how a server is found (server-address.ts).

import { createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { CaissonError } from '../errors.ts';
import type { ApiClient, ApiTarget } from './api-client.ts';
import { fitTo, printable, printableLines } from './printable.ts';
import { tableLines } from './table.ts';
import type { Terminal } from './terminal.ts';

export interface OutputStream {
	write(chunk: string | Uint8Array): unknown;
	readonly isTTY?: boolean;
	readonly columns?: number;
}

/** Where a terminal's words go and come from. The functions are asked at every use, as options are parsed later. */
export interface Console {
	readonly stdout: OutputStream;
	readonly stderr: OutputStream;
	readonly stdin: () => Readable & { readonly isTTY?: boolean };
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly settings: () => { readonly quiet: boolean; readonly colour: boolean };
	readonly interrupted: () => AbortSignal;
	readonly exit: (code: 0 | 1) => void;
	readonly api: (target: ApiTarget) => Promise<ApiClient>;
}

const colours = { good: 32, warn: 33, bad: 31, dim: 2, bold: 1 } as const;
const stdinLimit = 64 * 1024 * 1024;
const eraseLine = '\r\u001b[K';

/** Colour is shown on a terminal only, and neither with --no-colour, NO_COLOR (no-color.org) nor TERM=dumb. */
export function showsColour(stream: OutputStream, world: Pick<Console, 'environment' | 'settings'>): boolean {
	const { NO_COLOR, TERM } = world.environment;
	return stream.isTTY === true && world.settings().colour && !NO_COLOR && TERM !== 'dumb';
}

export function consoleTerminal(world: Console): Terminal {
	const { stdout, stderr } = world;
	let progressShown = false;
	const clearProgress = () => {
		if (progressShown) stderr.write(eraseLine);
		progressShown = false;
	};
	const line = (stream: OutputStream, text: string) => {
		clearProgress();
		stream.write(`${printableLines(text, showsColour(stream, world))}\n`);
	};
	const style: Terminal['style'] = (name, text) =>
		showsColour(stdout, world) ? `\u001b[${colours[name]}m${text}\u001b[0m` : text;
	return {
		print: (text) => line(stdout, text),
		write: (bytes) => {
			clearProgress();
			stdout.write(bytes);
		},
		note: (text) => {
			if (!world.settings().quiet) line(stderr, text);
		},
		progress: (text) => {
			if (stderr.isTTY !== true || world.settings().quiet) return;
			// A pseudo-terminal that nobody gave a size says 0.
			stderr.write(eraseLine + fitTo(printable(text), (stderr.columns || 80) - 1));
			progressShown = text !== '';
		},
		table: (rows, columns) => {
			for (const text of tableLines(rows, columns, (title) => style('bold', title))) line(stdout, text);
		},
		json: (value) => {
			clearProgress();
			stdout.write(`${jsonText(value)}\n`);
		},
		style,
		stdin: () => readAll(world.stdin()),
		ask: async (question) => {
			const input = world.stdin();
			if (input.isTTY !== true) return undefined;
			clearProgress();
			stderr.write(printable(question));
			const reader = createInterface({ input, terminal: false });
			const typed = await new Promise<string | undefined>((resolve) => {
				reader.once('line', resolve);
				reader.once('close', () => resolve(undefined));
			});
			reader.close();
			return typed;
		},
		get interrupted() {
			return world.interrupted();
		},
		exit: world.exit,
		environment: world.environment,
		api: (target = { port: 'northbound' }) => world.api(target),
	};
}

/** Indented JSON; JSON.stringify escapes C0 controls, this also what printable would. */
export function jsonText(value: unknown, indent: string | undefined = '  '): string {
	const text = JSON.stringify(value, undefined, indent) ?? 'null';
	return text.replace(
		/[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
		(character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
	);
}

async function readAll(stream: Readable): Promise<string> {
	const chunks: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of stream) {
		const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
		size += bytes.length;
		if (size > stdinLimit) throw new CaissonError('request-too-large', 'stdin is larger than 64 MiB.');
		chunks.push(bytes);
	}
	return Buffer.concat(chunks).toString('utf8');
}
