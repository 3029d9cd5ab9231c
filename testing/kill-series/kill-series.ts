// kill -9 under concurrent writers, again and again on one data directory: starts `caisson up`, lets writers write,
// kills it at a random moment, starts it again and verifies that everything acknowledged is there, with its events.
// `node testing/kill-series/kill-series.ts [ROUNDS [SEED]]` runs it by hand; exit code 1 where there is a finding.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './client.ts';
import { type ServerProcess, startServer } from './server-process.ts';
import { Subscriber } from './subscriber.ts';
import { verify, verifyStreams } from './verify.ts';
import { workflow, write } from './writers.ts';

export interface KillSeriesOptions {
	readonly rounds: number;
	/** Of the random moments; the same seed gives the same delays. */
	readonly seed: number;
	readonly writers: { readonly own: number; readonly shared: number; readonly sharedJobs: number };
	/** Milliseconds that writers have before the kill: from, and how much more at most. */
	readonly delay: { readonly least: number; readonly spread: number };
	readonly print: (line: string) => void;
}

export interface KillSeriesResult {
	readonly findings: string[];
	readonly rounds: number;
	readonly acknowledged: number;
	readonly unknownKept: number;
	readonly unknownLost: number;
	readonly events: number;
}

/** 200 writers: 160 with jobs of their own, 40 on four jobs that they share. */
export const twoHundredWriters = { own: 160, shared: 40, sharedJobs: 4 };

const api = '/api/wfx/v1';

export async function killSeries(options: KillSeriesOptions): Promise<KillSeriesResult> {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-kill-'));
	const subscriber = new Subscriber();
	const fresh = new Subscriber();
	let server: ServerProcess | undefined;
	const total = { findings: [] as string[], rounds: 0, acknowledged: 0, unknownKept: 0, unknownLost: 0, events: 0 };
	const random = randomNumbers(options.seed);
	try {
		server = await startServer(folder);
		await require(server, 'POST', `${api}/workflows`, workflow);
		for (let round = 1; round <= options.rounds; round++) {
			subscriber.follow(`${server.northbound}${api}/jobs/events`);
			const delay = Math.round(options.delay.least + random() * options.delay.spread);
			const before = subscriber.received.length;

			const writing = new Client();
			const ledgerOfRound = write(writing, [server], `r${round}`, options.writers);
			await sleep(delay);
			await server.kill();
			const ledger = await ledgerOfRound;
			writing.close();

			server = await startServer(folder);
			subscriber.follow(`${server.northbound}${api}/jobs/events`);
			await marker(server, `marker-${round}`, subscriber);
			const reading = new Client();
			const events = subscriber.received.slice(before);
			const verdict = await verify(reading, `${server.northbound}${api}`, ledger, events);
			reading.close();

			total.rounds++;
			total.acknowledged += verdict.acknowledged;
			total.unknownKept += verdict.unknownKept;
			total.unknownLost += verdict.unknownLost;
			total.findings.push(...verdict.findings.map((text) => `round ${round}: ${text}`));
			options.print(
				`round ${round}: killed after ${delay} ms; ${verdict.acknowledged} acknowledged, all there: ${verdict.findings.length === 0 ? 'yes' : 'NO'}; ` +
					`without an answer: ${verdict.unknownKept} kept, ${verdict.unknownLost} not; ${events.length} events`,
			);
		}
		// The one who resumed after every kill, and one who reads everything from the start.
		fresh.follow(`${server.northbound}${api}/jobs/events`);
		await marker(server, 'marker-end', fresh);
		await subscriber.until(({ clientId }) => clientId === 'marker-end');
		total.events = fresh.received.length;
		total.findings.push(...verifyStreams(subscriber.received, fresh.received));
		return total;
	} finally {
		subscriber.stop();
		fresh.stop();
		await server?.stop();
		rmSync(folder, { recursive: true, force: true });
	}
}

/** Creates a job and waits for its event: all events before it have been received by then. */
export async function marker(server: ServerProcess, clientId: string, subscriber: Subscriber): Promise<void> {
	await require(server, 'POST', `${api}/jobs`, { clientId, workflow: workflow.name });
	const came = subscriber.until((event) => event.clientId === clientId).then(() => true);
	const late = sleep(30_000, false, { ref: false });
	if (!(await Promise.race([came, late]))) throw new Error(`the event of ${clientId} did not come within 30 s`);
}

export async function require(server: ServerProcess, method: string, path: string, body: unknown): Promise<void> {
	const client = new Client();
	const answer = await client.send(method, server.northbound + path, body);
	client.close();
	if (answer?.status !== 201) throw new Error(`${method} ${path}: ${answer?.status} ${JSON.stringify(answer?.body)}`);
}

/** Mulberry32: numbers from 0 to 1 that follow from the seed. */
export function randomNumbers(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
	};
}

/** The line that a person wants at the end. */
export function summary(result: KillSeriesResult): string {
	return (
		`${result.rounds} kills: ${result.acknowledged} acknowledged changes, ${result.events} events, ` +
		`${result.unknownKept + result.unknownLost} changes without an answer (${result.unknownKept} kept), ` +
		`${result.findings.length} findings`
	);
}

if (process.argv[1] === import.meta.filename) {
	const rounds = Number(process.argv[2] ?? 20);
	const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
	console.log(`${rounds} rounds, seed ${seed}`);
	const delay = { least: 300, spread: 3000 };
	const result = await killSeries({ rounds, seed, writers: twoHundredWriters, delay, print: console.log });
	for (const finding of result.findings.slice(0, 50)) console.log(finding);
	console.log(summary(result));
	process.exitCode = result.findings.length === 0 ? 0 : 1;
}
