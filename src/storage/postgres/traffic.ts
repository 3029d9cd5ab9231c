// What was downloaded, and the definitions of jobs, on PostgreSQL: the readers, and the statements that write what a
// batch adds. Nothing is read before: the database adds, so that any number of servers may.

import type { DefinitionReader, Traffic, TrafficReader } from '../../artifact/store.ts';
import { definitionFromRow, trafficColumns, trafficFromRow } from '../rows.ts';
import type { ReadPool } from './readers.ts';

/** What the units of a batch did to the counters; `pruned`: the days before which they were forgotten. */
export interface TrafficChanges {
	readonly added: Traffic[];
	readonly pruned: string[];
}

export const noTrafficChanges = (): TrafficChanges => ({ added: [], pruned: [] });

export function addTrafficChanges(to: TrafficChanges, { added, pruned }: TrafficChanges): void {
	for (const row of added) to.added.push(row);
	to.pruned.push(...pruned);
}

export function trafficReader(pool: ReadPool): TrafficReader {
	return {
		async sums({ digests, clientId, since }, by, { after, limit }) {
			if (clientId?.includes('\0') || after?.includes('\0')) return [];
			const column = trafficColumns[by];
			const values: unknown[] = [limit];
			const conditions: string[] = [];
			const condition = (text: (place: string) => string, value: unknown) => {
				if (value === undefined) return;
				values.push(value);
				conditions.push(text(`$${values.length}`));
			};
			condition((place) => `digest = any(${place}::text[])`, digests);
			condition((place) => `client_id = ${place}`, clientId);
			condition((place) => `day >= ${place}`, since);
			condition((place) => `${column} > ${place}`, after);
			const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
			const sums = 'sum(requests) as requests, sum(ranges) as ranges, sum(bytes) as bytes';
			const sql = `select ${column} as key, ${sums} from artifact_traffic ${where} group by ${column} order by ${column} limit $1::bigint`;
			return (await pool.rows(sql, values)).map(trafficFromRow);
		},
	};
}

export function definitionReader(pool: ReadPool): DefinitionReader {
	return {
		async inState(state, after, limit) {
			if (state.includes('\0')) return [];
			const behind = after === undefined ? '' : 'and (job.stime, job.seq) > ($3::bigint, $4::bigint)';
			// The index job_by_state gives them in this order.
			const sql = `select job.stime, job.seq, job.id, workflow.name as workflow, job.definition from job join workflow on workflow.seq = job.workflow_seq
				where job.state = $1 ${behind} and job.definition is not null order by job.stime, job.seq limit $2::bigint`;
			const values = [state, limit, ...(after === undefined ? [] : [after.stime, after.seq])];
			return (await pool.rows(sql, values)).map(definitionFromRow);
		},
	};
}

interface Statement {
	readonly name: string;
	readonly text: string;
	readonly values: unknown[];
}

export function trafficStatements({ added, pruned }: TrafficChanges): Statement[] {
	const statements: Statement[] = [];
	if (added.length > 0) {
		const column = (of: (row: Traffic) => unknown) => added.map(of);
		statements.push({
			name: 'add_traffic',
			// In the order of keys, so that two servers who add to the same rows stand in line instead of blocking each other.
			text: `insert into artifact_traffic (digest, client_id, day, requests, ranges, bytes)
				select digest, client_id, day, sum(requests)::bigint, sum(ranges)::bigint, sum(bytes)::bigint
				from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) as t(digest, client_id, day, requests, ranges, bytes)
				group by digest, client_id, day order by digest collate "C", client_id collate "C", day collate "C"
				on conflict (digest, client_id, day) do update set requests = artifact_traffic.requests + excluded.requests,
				ranges = artifact_traffic.ranges + excluded.ranges, bytes = artifact_traffic.bytes + excluded.bytes`,
			values: [
				...[column((row) => row.digest), column((row) => row.clientId), column((row) => row.day)],
				...[column((row) => row.requests), column((row) => row.ranges), column((row) => row.bytes)],
			],
		});
	}
	if (pruned.length > 0) {
		const before = [...pruned].sort().at(-1);
		statements.push({ name: 'prune_traffic', text: 'delete from artifact_traffic where day < $1', values: [before] });
	}
	return statements;
}
