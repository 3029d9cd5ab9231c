// Two servers that publish on one PostgreSQL at once: how fast, whether a target that was acknowledged is missing from what
// is served, and whether versions have gaps.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPostgres } from '../../src/storage/postgres/open.ts';
import { defaultSettings } from '../../src/trust/rules/repository/settings.ts';
import { startPostgres } from '../../testing/postgres/server.ts';
import { openService } from '../../testing/tuf-service/service.ts';
import type { Table } from '../report/report.ts';
import { runChild } from './child.ts';
import { bootstrap } from './repository-process.ts';
import type { ServerFigures, ServerTask } from './server-process.ts';

// Node starts and connects within it on a busy machine.
const startDelay = 2000;

/** @param folder empty @param seconds that both publish */
export async function measureServers(folder: string, seconds: number): Promise<Table> {
	const metadata = join(folder, 'metadata');
	await mkdir(metadata);
	const postgres = await startPostgres();
	try {
		const database = await postgres.createDatabase();
		const storage = await openPostgres(database);
		const service = await openService(storage, { folder: metadata, settings: { bins: defaultSettings.bins } });
		await bootstrap(service);
		await service.publisher.publish('bench');
		const first = (await storage.trust.versions('snapshot', 1))[0]?.version ?? 0;
		const common = { database, folder: metadata, start: Date.now() + startDelay, duration: seconds * 1000 };
		const tasks = ['one', 'two'].map((name): ServerTask => ({ name, ...common }));
		const answers = await Promise.all(tasks.map((task) => runChild<ServerFigures>('server-process.ts', task)));
		const figures = answers.flatMap((answer) => (answer === 'over' ? [] : answer));
		const acknowledged = figures.flatMap((one) => one.acknowledged);
		const wall = Math.max(...figures.map((one) => one.wall)) / 1000;
		const served = await servedTargets(metadata);
		const gaps: number[] = [];
		let last = 0;
		for (const role of ['snapshot', 'timestamp']) {
			const versions = (await storage.trust.versions(role, 1_000_000)).map(({ version }) => version);
			if (role === 'snapshot') last = Math.max(...versions);
			gaps.push(Math.max(...versions) - new Set(versions).size);
		}
		await storage.close();
		const lost = acknowledged.filter((path) => !served.has(path)).length;
		return {
			title: `Two servers on one PostgreSQL publish at once for ${seconds} s`,
			columns: ['both'],
			rows: [
				{ name: 'publications', unit: '1/s', values: [(last - first) / wall] },
				{ name: 'targets acknowledged', unit: '1/s', values: [acknowledged.length / wall] },
				{ name: 'targets acknowledged', unit: '', values: [acknowledged.length] },
				{ name: 'acknowledged but not served', unit: '', values: [lost], bar: { value: 0 } },
				{ name: 'gaps in versions of the snapshot', unit: '', values: [gaps[0]], bar: { value: 0 } },
				{ name: 'gaps in versions of the timestamp', unit: '', values: [gaps[1]], bar: { value: 0 } },
			],
		};
	} finally {
		await postgres.destroy();
	}
}

/** Names of targets that a device reaches from the timestamp, in whatever role. */
async function servedTargets(folder: string): Promise<ReadonlySet<string>> {
	const signed = async (file: string) => JSON.parse(await readFile(join(folder, file), 'utf8')).signed;
	const timestamp = await signed('timestamp.json');
	const snapshot = await signed(`${timestamp.meta['snapshot.json'].version}.snapshot.json`);
	const names = new Set<string>();
	for (const [file, { version }] of Object.entries<{ version: number }>(snapshot.meta)) {
		for (const name of Object.keys((await signed(`${version}.${file}`)).targets)) names.add(name);
	}
	return names;
}
