// The store for more than one machine: a PostgreSQL database that any number of servers use. One writing connection with
// group commit, a pool for reading, and one that listens. It decides the sizes and puts the parts together.
//
// As in the embedded store, an error of a commit says either that nothing was stored or that the outcome is unknown:
// the connection broke between COMMIT and its answer. Whoever meets it reads first and decides anew.

import pg from 'pg';
import type { Storage } from '../store.ts';
import { DatabaseAddress } from './address.ts';
import { auditChainReader } from './chain.ts';
import { checkServer, clientConfig, connect, writerSession } from './connection.ts';
import { migrate } from './migrate.ts';
import { auditReader, eventReader, jobReader, ReadPool, workflowReader } from './readers.ts';
import { tokenReader } from './tokens.ts';
import { definitionReader, trafficReader } from './traffic.ts';
import { postgresTrustReader, TrustTransactions } from './trust.ts';
import { WakeUp } from './wake-up.ts';
import { WorkflowCache } from './workflow-cache.ts';
import { GroupCommitWriter, type WriterOptions } from './writer.ts';

export interface PostgresOptions extends Partial<WriterOptions> {
	/** Connections for reading at most. */
	readonly readers?: number;
	/**
	 * How long a row of another server is waited for (ms): shorter than a step may take, so that who waits that long
	 * fails instead of standing in line.
	 */
	readonly lockTimeout?: number;
}

// A query that has no answer after this time (ms) has lost its connection: the longest statement is ended before.
const READ_LIMIT = 65_000;
const WRITE_LIMIT = 30_000;
const IDLE_READER = 60_000;

/**
 * Opens the database at `address`, making the tables where there are none and bringing older ones up to date.
 * @throws CaissonError storage-unavailable where it cannot be reached, configuration-invalid where the server is too old
 * or has another encoding, storage-damaged where a newer Caisson has left tables that this one does not understand
 */
export async function openPostgres(
	address: DatabaseAddress | string,
	{ readers = 8, lockTimeout = 5000, ...writerOptions }: PostgresOptions = {},
): Promise<Storage> {
	const at = typeof address === 'string' ? new DatabaseAddress(address) : address;
	const { schema, last } = await prepare(at);
	const workflows = new WorkflowCache();
	const reader = new ReadPool(
		new pg.Pool({
			...clientConfig(at),
			max: readers,
			idleTimeoutMillis: IDLE_READER,
			query_timeout: READ_LIMIT,
		}),
		workflows,
	);
	const events = eventReader(reader);
	const listening = { ...clientConfig(at), application_name: 'caisson listener' };
	const wakeUp = new WakeUp(
		{ open: (lost) => connect(listening, lost), last: async () => (await events.range()).last, schema },
		last,
	);
	const writing = {
		...clientConfig(at, writerSession(lockTimeout)),
		application_name: 'caisson writer',
		query_timeout: WRITE_LIMIT,
		pipeline: true,
	};
	const writer = new GroupCommitWriter(
		(lost) => connect(writing, lost),
		workflows,
		{ stepTimeLimit: 10_000, batchLimit: 256, ...writerOptions },
		(id) => wakeUp.announce(id),
	);
	const { pipeline: _, ...alone } = { ...writing, application_name: 'caisson trust' };
	const trust = new TrustTransactions((lost) => connect(alone, lost));
	return {
		jobs: jobReader(reader),
		workflows: workflowReader(reader),
		events,
		audit: auditReader(reader),
		chain: auditChainReader(reader),
		tokens: tokenReader(reader),
		traffic: trafficReader(reader),
		definitions: definitionReader(reader),
		trust: postgresTrustReader(reader),
		commit: (step) => writer.commit((unit) => step(unit)),
		commitTrust: trust.commit,
		onEvents: (listener) => wakeUp.add(listener),
		check: async () => {
			await reader.rows('select 1 from workflow limit 1');
		},
		close: async () => {
			await writer.close();
			await trust.close();
			await wakeUp.close();
			await reader.close();
		},
	};
}

async function prepare(address: DatabaseAddress): Promise<{ schema: string; last: number }> {
	const client = await connect(clientConfig(address));
	try {
		await checkServer(client);
		await migrate(client);
		const { rows } = await client.query('select current_schema() as schema, event_id as last from commit_order');
		return { schema: String(rows[0]?.schema), last: Number(rows[0]?.last) };
	} finally {
		await client.end().catch(() => {});
	}
}
