// One of several servers that publish on one PostgreSQL at once: it puts a target and publishes it, again and again, until
// its time is over. `node server-process.ts '{"database":…}'`; the answer is one line of JSON with what was acknowledged.

import { setTimeout as sleep } from 'node:timers/promises';
import { openPostgres } from '../../src/storage/postgres/open.ts';
import { openService } from '../../testing/tuf-service/service.ts';

export interface ServerTask {
	readonly name: string;
	/** Address of the database, which is bootstrapped. */
	readonly database: string;
	/** Of metadata. */
	readonly folder: string;
	/** When all servers begin: milliseconds since the epoch. */
	readonly start: number;
	/** Milliseconds. */
	readonly duration: number;
}

export interface ServerFigures {
	/** Paths of targets whose publication returned. */
	readonly acknowledged: readonly string[];
	/** Milliseconds. */
	readonly wall: number;
}

async function run({ name, database, folder, start, duration }: ServerTask): Promise<ServerFigures> {
	const storage = await openPostgres(database);
	const service = await openService(storage, { folder });
	await sleep(Math.max(0, start - Date.now()));
	const began = performance.now();
	const acknowledged: string[] = [];
	while (performance.now() - began < duration) {
		const path = `${name}/${acknowledged.length}`;
		await service.put([path]);
		await service.publisher.publish(name);
		acknowledged.push(path);
	}
	const wall = performance.now() - began;
	await storage.close();
	return { acknowledged, wall };
}

const [, program, task] = process.argv;
if (program === import.meta.filename && task) process.stdout.write(`${JSON.stringify(await run(JSON.parse(task)))}\n`);
