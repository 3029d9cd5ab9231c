// Runs jq (jqlang.org compiled to WebAssembly) on one document at a time, in a worker thread so that response-filter.ts
// can end it. jq has no files, network or environment here but what its sandbox makes up.

import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { FilterAnswer, FilterQuestion } from './response-filter.ts';

/** What this file uses of the WebAssembly API, which ECMAScript's library types leave out. */
interface WasmMemory {
	readonly buffer: ArrayBuffer;
	grow(pages: number): number;
}
declare const WebAssembly: { readonly Memory: { readonly prototype: WasmMemory } };

interface Jq {
	raw(json: string, filter: string, flags: readonly string[]): string | undefined;
}

limitWebAssemblyMemory((workerData as { maxMemory: number }).maxMemory);
const jq = (await createRequire(import.meta.url)('jq-web')) as Jq;

parentPort?.on('message', (question: FilterQuestion) => parentPort?.postMessage(answer(question)));
parentPort?.postMessage('ready');

function answer({ id, json, filter }: FilterQuestion): FilterAnswer {
	// -c: a line an output; -S: members sorted, as gojq prints them.
	const run = (program: string) => jq.raw(json, program, ['-c', '-S']) ?? '';
	try {
		return { id, lines: run(filter) };
	} catch (error) {
		const reason = String(error instanceof Error ? error.message : error);
		// Only a syntax error is an error for wfx. A name that is not defined is an output that failed: `{}`.
		if (reason.includes('syntax error')) return { id, failed: firstLine(reason) };
		if (reason.includes('compile error')) return { id, lines: '{}' };
		// Exit code 5: the filter failed while running. wfx then answers what came before, and `{}`.
		const failedRunning = (text: string) => text.includes('exit code: 5');
		if (!failedRunning(reason)) return { id, failed: firstLine(reason) };
		try {
			return { id, lines: run(`try (${filter}\n) catch {}`) };
		} catch (again) {
			// halt_error cannot be caught; what came before it is lost.
			return failedRunning(String(again)) ? { id, lines: '{}' } : { id, failed: firstLine(reason) };
		}
	}
}

/** jq's own first complaint, without the wrapper's exit code line. */
function firstLine(reason: string): string {
	const lines = reason.split('\n').filter((line) => line.startsWith('jq: '));
	return lines[0]?.replace(/^jq: (error: )?/, '') ?? reason.split('\n')[0] ?? reason;
}

/** The heap of a worker can be bounded by Node, the memory of WebAssembly cannot: so growing it is refused here. */
function limitWebAssemblyMemory(bytes: number): void {
	const grow = WebAssembly.Memory.prototype.grow;
	WebAssembly.Memory.prototype.grow = function (this: WasmMemory, pages: number) {
		if (this.buffer.byteLength + pages * 65_536 > bytes) throw new RangeError('the filter needs too much memory');
		return grow.call(this, pages);
	};
}
