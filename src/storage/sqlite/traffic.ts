// What was downloaded, and the definitions of jobs, in the embedded store: the readers, and the statements behind
// TrafficWriter. Which unit they run in is decided by unit.ts.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { DefinitionReader, Traffic, TrafficReader } from '../../artifact/store.ts';
import { definitionFromRow, trafficColumns, trafficFromRow } from '../rows.ts';
import type { ReadConnection } from './readers.ts';

export function trafficReader(connection: ReadConnection): TrafficReader {
	return {
		sums: async ({ digests, clientId, since }, by, { after, limit }) =>
			connection.read((statement) => {
				const column = trafficColumns[by];
				// Digests as one JSON text, so that their number does not change the statement.
				const conditions = [
					...(digests === undefined ? [] : ['digest in (select value from json_each(?))']),
					...(clientId === undefined ? [] : ['client_id = ?']),
					...(since === undefined ? [] : ['day >= ?']),
					...(after === undefined ? [] : [`${column} > ?`]),
				];
				const values = [digests && JSON.stringify(digests), clientId, since, after].filter(
					(value) => value !== undefined,
				);
				const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
				const sums = 'sum(requests) as requests, sum(ranges) as ranges, sum(bytes) as bytes';
				const sql = `select ${column} as key, ${sums} from artifact_traffic ${where} group by ${column} order by ${column} limit ?`;
				return statement(sql)
					.all(...values, limit)
					.map(trafficFromRow);
			}),
	};
}

export function definitionReader(connection: ReadConnection): DefinitionReader {
	return {
		inState: async (state, after, limit) =>
			connection.read((statement) => {
				const behind = after === undefined ? '' : 'and (job.stime, job.seq) > (?, ?)';
				// The index job_by_state gives them in this order.
				const sql = `select job.stime, job.seq, job.id, workflow.name as workflow, job.definition from job join workflow on workflow.seq = job.workflow_seq
					where job.state = ? ${behind} and job.definition is not null order by job.stime, job.seq limit ?`;
				const values = after === undefined ? [] : [after.stime, after.seq];
				return statement(sql)
					.all(state, ...values, limit)
					.map(definitionFromRow);
			}),
	};
}

/** The prepared statements of the write connection. */
export class TrafficStatements {
	readonly #add: StatementSync;
	readonly #prune: StatementSync;

	constructor(database: DatabaseSync) {
		this.#add = database.prepare(
			`insert into artifact_traffic (digest, client_id, day, requests, ranges, bytes) values (?, ?, ?, ?, ?, ?)
			on conflict (digest, client_id, day) do update set requests = requests + excluded.requests, ranges = ranges + excluded.ranges, bytes = bytes + excluded.bytes`,
		);
		this.#prune = database.prepare('delete from artifact_traffic where day < ?');
	}

	add(rows: readonly Traffic[]): void {
		for (const { digest, clientId, day, requests, ranges, bytes } of rows) {
			this.#add.run(digest, clientId, day, requests, ranges, bytes);
		}
	}

	prune(before: string): void {
		this.#prune.run(before);
	}
}
