// Writes a database of an earlier schema as SQL, for the test that migrates it: `node testing/postgres/dump.ts VERSION
// > testdata/storage/postgres-VERSION.sql` on a Caisson that knows the version. The rows are always the same.

import { execFileSync } from 'node:child_process';
import { DatabaseAddress } from '../../src/storage/postgres/address.ts';
import { clientConfig, connect } from '../../src/storage/postgres/connection.ts';
import { migrate } from '../../src/storage/postgres/migrate.ts';
import { startPostgres } from './server.ts';

/** One workflow; a job with tags and history; a second one that was deleted; events and audit rows of both. */
const rows = `
insert into workflow (seq, name, body) values (1, 'sample', '{"name":"sample","states":[{"name":"NEW"},{"name":"DONE"}],"groups":[{"name":"OPEN","states":["NEW"]}],"transitions":[{"from":"NEW","to":"DONE","eligible":"CLIENT"}]}');
insert into job (seq, id, client_id, workflow_seq, grp, state, tags, status, definition, stime, mtime, version, reports) values (1, 'first', 'Gerät 1', 1, '', 'DONE', '["a","ü"]', '{"state":"DONE","message":"ä\\u0000"}', '{"n":[1,1.5]}', 1750000000000, 1750000000100, 2, 1);
insert into job_tag (tag, stime, job_seq) values ('a', 1750000000000, 1), ('ü', 1750000000000, 1);
insert into job_history (seq, job_seq, mtime, status, definition, reports) values (1, 1, 1750000000000, '{"state":"NEW"}', null, 3);
insert into event (id, ctime, action, job_id, client_id, workflow, job) values (2, 1750000000000, 'CREATE', 'first', 'Gerät 1', 'sample', '{"id":"first"}'), (3, 1750000000100, 'UPDATE_STATUS', 'first', 'Gerät 1', 'sample', '{"id":"first"}');
insert into audit (id, time, actor, action, subject, detail) values (1, 1750000000000, 'operator', 'job.create', 'first', null), (2, 1750000000100, 'anonymous', 'job.update-status', 'first', '{"from":"NEW","to":"DONE"}');
update commit_order set event_id = 3, audit_id = 2;
select setval(pg_get_serial_sequence('workflow', 'seq'), 1), setval(pg_get_serial_sequence('job', 'seq'), 2), setval(pg_get_serial_sequence('job_history', 'seq'), 1);
`;

const server = await startPostgres();
try {
	const address = await server.createDatabase();
	const config = clientConfig(new DatabaseAddress(address));
	const client = await connect(config);
	await migrate(client, Number(process.argv[2]));
	await client.query(rows);
	await client.end();
	const words = ['-h', server.folder, '-U', 'caisson', '--no-owner', '--inserts', String(config.database)];
	const text = execFileSync(`${server.bin}/pg_dump`, words, { encoding: 'utf8' });
	// What only psql understands, and what differs from one PostgreSQL to the next.
	const lines = text.split('\n').filter((line) => !/^\\|^--|^SET |set_config/.test(line));
	console.log(
		lines
			.join('\n')
			.replaceAll(/\n{2,}/g, '\n')
			.trim(),
	);
} finally {
	await server.destroy();
}
