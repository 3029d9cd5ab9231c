// kill -9 of one of two servers on one PostgreSQL under concurrent writers, again and again. The writers are spread over
// both servers and share jobs across them; those of the server that lives write on. A subscriber moves to the living
// server each time and goes on after the last event that it received.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres } from '../postgres/server.ts';
import { Client } from './client.ts';
import {
	type KillSeriesOptions,
	type KillSeriesResult,
	marker,
	randomNumbers,
	require,
	summary,
	twoHundredWriters,
} from './kill-series.ts';
import { type ServerProcess, startServer } from './server-process.ts';
import { Subscriber } from './subscriber.ts';
import { verify, verifyStreams } from './verify.ts';
import { workflow, write } from './writers.ts';

const api = '/api/wfx/v1';
/** How long (ms) the living server is written to after the other's death. */
const afterwards = 300;

export async function killOneOfTwo(options: KillSeriesOptions): Promise<KillSeriesResult> {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-kill-two-'));
	const postgres = await startPostgres();
	const [subscriber, fresh] = [new Subscriber(), new Subscriber()];
	const total = { findings: [] as string[], rounds: 0, acknowledged: 0, unknownKept: 0, unknownLost: 0, events: 0 };
	const random = randomNumbers(options.seed);
	const servers: ServerProcess[] = [];
	try {
		const database = ['--database', await postgres.createSchema()];
		const start = (index: number) => startServer(join(folder, `server-${index}`), [], database);
		servers.push(...(await Promise.all([start(0), start(1)])));
		const [first] = servers as [ServerProcess];
		await require(first, 'POST', `${api}/workflows`, workflow);
		subscriber.follow(`${first.northbound}${api}/jobs/events`);
		for (let round = 1; round <= options.rounds; round++) {
			const victim = random() < 0.5 ? 0 : 1;
			const [dying, living] = [servers[victim], servers[1 - victim]] as [ServerProcess, ServerProcess];
			const delay = Math.round(options.delay.least + random() * options.delay.spread);
			const before = subscriber.received.length;
			subscriber.follow(`${dying.northbound}${api}/jobs/events`);

			let stopped = false;
			const writing = new Client();
			const ledgerOfRound = write(writing, [living, dying], `r${round}`, options.writers, () => stopped);
			await sleep(delay);
			await dying.kill();
			subscriber.follow(`${living.northbound}${api}/jobs/events`);
			await sleep(afterwards);
			stopped = true;
			const ledger = await ledgerOfRound;
			writing.close();

			await marker(living, `marker-${round}`, subscriber);
			servers[victim] = await start(victim);
			const reading = new Client();
			const events = subscriber.received.slice(before);
			// The server that was started anew says what the one that lived wrote.
			const verdict = await verify(reading, `${servers[victim].northbound}${api}`, ledger, events);
			reading.close();

			total.rounds++;
			total.acknowledged += verdict.acknowledged;
			total.unknownKept += verdict.unknownKept;
			total.unknownLost += verdict.unknownLost;
			total.findings.push(...verdict.findings.map((text) => `round ${round}: ${text}`));
			options.print(
				`round ${round}: server ${victim + 1} killed after ${delay} ms; ${verdict.acknowledged} acknowledged, all there: ${verdict.findings.length === 0 ? 'yes' : 'NO'}; ` +
					`without an answer: ${verdict.unknownKept} kept, ${verdict.unknownLost} not; ${events.length} events`,
			);
		}
		const [last] = servers as [ServerProcess];
		fresh.follow(`${last.northbound}${api}/jobs/events`);
		await marker(last, 'marker-end', fresh);
		await subscriber.until(({ clientId }) => clientId === 'marker-end');
		total.events = fresh.received.length;
		total.findings.push(...verifyStreams(subscriber.received, fresh.received));
		return total;
	} finally {
		subscriber.stop();
		fresh.stop();
		await Promise.all(servers.map((server) => server.stop()));
		await postgres.destroy();
		rmSync(folder, { recursive: true, force: true });
	}
}

if (process.argv[1] === import.meta.filename) {
	const rounds = Number(process.argv[2] ?? 20);
	const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
	console.log(`${rounds} rounds, seed ${seed}`);
	const delay = { least: 300, spread: 3000 };
	const result = await killOneOfTwo({ rounds, seed, writers: twoHundredWriters, delay, print: console.log });
	for (const finding of result.findings.slice(0, 50)) console.log(finding);
	console.log(summary(result));
	process.exitCode = result.findings.length === 0 ? 0 : 1;
}
