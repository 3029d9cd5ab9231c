// A process that holds one repository of the trust service over SQLite, so that its memory and CPU can be told apart from
// the benchmark's: it puts targets into bins, publishes them until they are served as files, then publishes single targets.
// `node repository-process.ts '{"folder":…}'`; the answer is one line of JSON. It judges nothing.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import { offerDocument } from '../../src/trust/repository/offer.ts';
import { changeTargets } from '../../src/trust/repository/targets.ts';
import { defaultSettings } from '../../src/trust/rules/repository/settings.ts';
import { peakMemory } from '../../testing/load/process-usage.ts';
import { signedBytes } from '../../testing/tuf-documents/documents.ts';
import {
	openService,
	people,
	serviceRoot,
	serviceTargets,
	type TestService,
} from '../../testing/tuf-service/service.ts';

export interface RepositoryTask {
	/** Empty; its folder `metadata` holds what is served afterwards. */
	readonly folder: string;
	/** 2 to the power of it are the bins. */
	readonly bitLength: number;
	readonly targets: number;
	/** Single publications afterwards. */
	readonly publications: number;
}

export interface Usage {
	/** Milliseconds, of all threads. */
	readonly cpu: number;
	readonly wall: number;
}

export interface RepositoryFigures {
	readonly storing: Usage;
	readonly publishing: Usage;
	/** Bytes that were in memory at most until everything was served. */
	readonly peak: number;
	/** Lists of targets that were signed. */
	readonly signed: number;
	readonly publications: readonly Usage[];
}

/** The root that clients of such a repository begin with. */
export const benchRoot = signedBytes(serviceRoot(1), people.anna, people.ben);

/** As the command `trust target import` sends them. */
const batch = 5_000;

/** Root and targets, signed by people. */
export async function bootstrap({ world }: TestService): Promise<void> {
	await offerDocument(world, 'root', benchRoot, 'bench');
	await offerDocument(world, 'targets', signedBytes(serviceTargets(1), people.clara), 'bench');
}

/** A target of a plausible name, length and hash; nobody downloads it. */
export function benchTarget(index: number) {
	const digits = index.toString(16).padStart(8, '0');
	return {
		path: `packages/pool/main/${digits.slice(-2)}/package-${digits}_1.0.${index % 97}-1_arm64.deb`,
		target: { length: 1000 + index, hashes: { sha256: digits.repeat(8) } },
	};
}

export async function measured(work: () => Promise<unknown>): Promise<Usage> {
	const [cpu, wall] = [process.cpuUsage(), performance.now()];
	await work();
	const { user, system } = process.cpuUsage(cpu);
	return { cpu: (user + system) / 1000, wall: performance.now() - wall };
}

async function run({ folder, bitLength, targets, publications }: RepositoryTask): Promise<RepositoryFigures> {
	const metadata = join(folder, 'metadata');
	mkdirSync(metadata);
	const storage = await openSqlite(join(folder, 'caisson.db'));
	const settings = { bins: { ...defaultSettings.bins, bitLength } };
	const service = await openService(storage, { folder: metadata, settings });
	await bootstrap(service);
	const storing = await measured(async () => {
		for (let start = 0; start < targets; start += batch) {
			const wanted = Array.from({ length: Math.min(batch, targets - start) }, (_, index) => benchTarget(start + index));
			await changeTargets(service.world, wanted, 'bench');
		}
	});
	let signed = 0;
	const publishing = await measured(async () => {
		signed = (await service.publisher.publish('bench'))?.roles.length ?? 0;
	});
	const peak = peakMemory(process.pid);
	const single: Usage[] = [];
	for (let index = 0; index < publications; index++) {
		const usage = await measured(async () => {
			await changeTargets(service.world, [benchTarget(targets + index)], 'bench');
			await service.publisher.publish('bench');
		});
		single.push(usage);
	}
	await storage.close();
	return { storing, publishing, peak, signed, publications: single };
}

const [, program, task] = process.argv;
if (program === import.meta.filename && task) process.stdout.write(`${JSON.stringify(await run(JSON.parse(task)))}\n`);
