// Connections to PostgreSQL: the settings of a session that durability and recovery stand on, how values come back, and
// what a new connection must find. It leaves out what is asked over them.

import pg, { type ClientConfig } from 'pg';
import { CaissonError } from '../../errors.ts';
import type { DatabaseAddress } from './address.ts';
import { storageError } from './postgres-error.ts';

/** A connection that is not made within this time (ms) has failed. */
const CONNECT_LIMIT = 5000;
const INT8 = 20;

const everySession = [
	// COMMIT returns when its log is on disk (and on the synchronous standbys, where there are any).
	'synchronous_commit=on',
	'default_transaction_isolation=read\\ committed',
	// So that a query of a server that was killed ends, and with it its locks.
	'client_connection_check_interval=5s',
	'tcp_keepalives_idle=10',
	'tcp_keepalives_interval=5',
	'tcp_keepalives_count=3',
	'statement_timeout=60s',
];

/** Beside them, of the sessions that write. @param lockTimeout milliseconds */
export const writerSession = (lockTimeout: number) => [
	`lock_timeout=${lockTimeout}`,
	// A server that was stopped in mid-transaction must not hold up the others for ever.
	'idle_in_transaction_session_timeout=30s',
	'tcp_user_timeout=20s',
];

export function clientConfig(address: DatabaseAddress, settings: readonly string[] = []): ClientConfig {
	const own = address.config(process.env);
	const options = [...everySession, ...settings].map((setting) => `-c ${setting}`);
	return {
		application_name: 'caisson',
		connectionTimeoutMillis: CONNECT_LIMIT,
		keepAlive: true,
		keepAliveInitialDelayMillis: 10_000,
		...own,
		options: [own.options ?? '', ...options].join(' ').trim(),
		types: {
			// Whole numbers up to 2^53 in every column of this type, so a number holds them.
			getTypeParser: ((oid: number, format: 'text' | 'binary') =>
				oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
		},
	};
}

/** A connection of its own; `lost` is called once when it breaks later. @throws CaissonError storage-unavailable */
export async function connect(config: ClientConfig, lost: () => void = () => {}): Promise<pg.Client> {
	const client = new pg.Client(config);
	client.on('error', lost);
	client.on('end', lost);
	try {
		await client.connect();
		return client;
	} catch (error) {
		throw storageError(error);
	}
}

/** @throws CaissonError configuration-invalid where this database cannot hold what Caisson stores */
export async function checkServer(client: pg.Client): Promise<void> {
	const { rows } = await client.query(
		"select current_setting('server_version_num')::bigint as version, current_setting('server_version') as name, current_setting('server_encoding') as encoding",
	);
	const { version, name, encoding } = rows[0] as { version: number; name: string; encoding: string };
	if (version < 150_000) {
		throw new CaissonError(
			'configuration-invalid',
			`database: PostgreSQL ${name} is too old; Caisson needs 15 or later`,
		);
	}
	if (encoding !== 'UTF8') {
		throw new CaissonError('configuration-invalid', `database: its encoding is ${encoding}; Caisson needs UTF8`);
	}
}
