// What devices downloaded: one row an artifact, a client and a day, to which servers add. `client_id` is '' where the
// southbound port asks nobody who they are; `day` is a date in UTC.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { ColumnTypes } from './column-types.ts';

export function artifactTraffic({ text, integer, tableEnd }: ColumnTypes): Migration {
	return {
		async up(database: Kysely<unknown>): Promise<void> {
			const table = database.schema
				.createTable('artifact_traffic')
				.addColumn('digest', text as 'text', (column) => column.notNull())
				.addColumn('client_id', text as 'text', (column) => column.notNull())
				.addColumn('day', text as 'text', (column) => column.notNull())
				.addColumn('requests', integer as 'integer', (column) => column.notNull())
				.addColumn('ranges', integer as 'integer', (column) => column.notNull())
				.addColumn('bytes', integer as 'integer', (column) => column.notNull())
				.addPrimaryKeyConstraint('artifact_traffic_key', ['digest', 'client_id', 'day'] as never);
			await (tableEnd === undefined ? table : table.modifyEnd(tableEnd)).execute();
			for (const [name, columns] of [
				['artifact_traffic_by_client', ['client_id', 'day']],
				['artifact_traffic_by_day', ['day']],
			] as const) {
				await database.schema
					.createIndex(name)
					.on('artifact_traffic')
					.columns([...columns])
					.execute();
			}
		},
	};
}
