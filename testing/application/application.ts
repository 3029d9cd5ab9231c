// The real application on a real, temporary SQLite database, served on two free loopback ports: for tests that speak
// HTTP to it. No configuration, no data directory, no token: northbound is plain, as with --northbound-auth none.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type Application, type ApplicationParts, createApplication } from '../../programs/application.ts';
import { accessWorld } from '../../programs/server/access.ts';
import { TokenCheck } from '../../src/access/tokens.ts';
import { openDiskBlobs } from '../../src/outside/blobs/disk.ts';
import { openDiskMetadata } from '../../src/outside/metadata-files/disk.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import type { Storage } from '../../src/storage/store.ts';

export interface RunningApplication {
	/** 'http://127.0.0.1:PORT' */
	readonly south: string;
	readonly north: string;
	readonly storage: Storage;
	readonly application: Application;
	/** The temporary directory: it holds the database. */
	readonly directory: string;
	stop(): Promise<void>;
}

/** Starts it; `parts` replaces single parts. */
export async function startApplication(parts: Partial<ApplicationParts> = {}): Promise<RunningApplication> {
	const directory = mkdtempSync(join(tmpdir(), 'caisson-application-'));
	const storage = parts.storage ?? (await openSqlite(join(directory, 'caisson.db')));
	const world = accessWorld(storage);
	const application = await createApplication({
		storage,
		blobs: parts.blobs ?? (await openDiskBlobs(join(directory, 'blobs'))),
		now: Date.now,
		newId: randomUUID,
		log: pino({ level: 'silent' }),
		version: { version: 'test', commit: 'unknown' },
		strict: false,
		southboundAuthenticated: false,
		northboundAuthenticated: false,
		access: { world, check: new TokenCheck(world), denied: () => undefined, link: undefined },
		prepare: () => undefined,
		downloads: () => undefined,
		maxBodySize: 16 * 1024 * 1024,
		maxArtifactSize: () => 64 * 1024 * 1024,
		artifacts: () => ({ rates: { total: 0, each: 0 }, trafficRetention: 0 }),
		onArtifactSent: () => undefined,
		eventStreams: () => ({ pingInterval: 30_000, graceInterval: 60_000 }),
		onSubscribers: () => undefined,
		retention: () => ({ jobs: [], events: 0 }),
		trust: { files: await openDiskMetadata(join(directory, 'tuf')), signers: [] },
		onTrustExpiries: () => undefined,
		...parts,
	});
	const servers = [createServer(application.southbound), createServer(application.northbound)] as const;
	const [south, north] = await Promise.all(servers.map(listen));
	return {
		south: south ?? '',
		north: north ?? '',
		storage,
		application,
		directory,
		stop: async () => {
			application.endStreams();
			await Promise.all(servers.map(close));
			await application.drain();
			await storage.close();
			rmSync(directory, { recursive: true, force: true });
		},
	};
}

function listen(server: Server): Promise<string> {
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
	});
}

function close(server: Server): Promise<void> {
	return new Promise((resolve) => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}
