// The director's own database: one SQLite file in its data directory. It is small and its writes are few, so each
// transaction is synced by itself. It leaves out what the documents say (src/trust).

import { DatabaseSync } from 'node:sqlite';
import { CaissonError } from '../../errors.ts';
import type {
	DeviceDocument,
	DirectorStore,
	DirectorUnit,
	StoredDevice,
	StoredManifest,
} from '../../trust/director-store.ts';
import { withStorageErrors } from '../sqlite/sqlite-error.ts';

/** 'CaiD' in ASCII: PRAGMA application_id. */
const applicationId = 0x43616944;
const formatVersion = 1;

/** How many documents of a role, and manifests of either kind, are kept of a device. */
const keptVersions = 5;
const keptManifests = 100;

const tables = `
create table device (name text primary key, body text not null) without rowid;
create table document (
	device text not null, role text not null, version integer not null, expires integer not null, body text not null,
	primary key (device, role, version)
) without rowid;
create table manifest (
	number integer primary key, device text not null, received integer not null, nonce text not null,
	dropped integer not null, findings text not null, body text not null
);
create index manifest_of_device on manifest (device, dropped, number);
`;

/**
 * Opens the database, and makes it where there is none.
 * @throws CaissonError storage-unavailable, storage-damaged where the file is something else or newer
 */
export function openDirectorStore(file: string): DirectorStore {
	const database = withStorageErrors(() => prepare(file));
	const unit = unitOf(database);
	return {
		commit: (step) =>
			withStorageErrors(() => {
				database.exec('begin immediate');
				try {
					const result = step(unit);
					database.exec('commit');
					return result;
				} catch (error) {
					if (database.isTransaction) database.exec('rollback');
					throw error;
				}
			}),
		close: () => database.close(),
	};
}

function prepare(file: string): DatabaseSync {
	const database = new DatabaseSync(file, { timeout: 5000 });
	try {
		const pragma = (name: string) => Number(Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0]);
		if (pragma('application_id') === 0 && pragma('schema_version') === 0) {
			// One transaction: a crash leaves an empty database or a whole one.
			database.exec(
				`pragma journal_mode = wal; pragma synchronous = full; begin; ${tables}
				pragma application_id = ${applicationId}; pragma user_version = ${formatVersion}; commit`,
			);
		}
		if (pragma('application_id') !== applicationId || pragma('user_version') !== formatVersion) {
			throw new CaissonError('storage-damaged', `${file} is no database of this director. It was left as it is.`);
		}
		database.exec('pragma synchronous = full');
		return database;
	} catch (error) {
		database.close();
		throw error;
	}
}

function unitOf(database: DatabaseSync): DirectorUnit {
	const all = database.prepare('select body from device order by name');
	const one = database.prepare('select body from device where name = ?');
	const put = database.prepare(
		'insert into device values (?, ?) on conflict (name) do update set body = excluded.body',
	);
	const version = database.prepare('select * from document where device = ? and role = ? and version = ?');
	const last = database.prepare('select * from document where device = ? and role = ? order by version desc limit 1');
	const add = database.prepare('insert into document values (?, ?, ?, ?, ?)');
	const forget = database.prepare('delete from document where device = ? and role = ? and version <= ?');
	const keep = database.prepare('insert into manifest values (null, ?, ?, ?, ?, ?, ?)');
	const prune = database.prepare(
		`delete from manifest where device = ? and dropped = ? and number not in
		(select number from manifest where device = ? and dropped = ? order by number desc limit ${keptManifests})`,
	);
	const newest = database.prepare('select * from manifest where device = ? order by number desc limit ?');
	const used = database.prepare('select 1 from manifest where device = ? and dropped = 0 and nonce = ?');
	return {
		devices: () => all.all().map(deviceOf),
		device: (name) => optional(one.get(name), deviceOf),
		putDevice: (device) => void put.run(device.inventory.device, JSON.stringify(device)),
		document: (device, role, wanted) =>
			optional(wanted === undefined ? last.get(device, role) : version.get(device, role, wanted), documentOf),
		putDocument: (document) => {
			add.run(document.device, document.role, document.version, document.expires, document.body);
			forget.run(document.device, document.role, document.version - keptVersions);
		},
		addManifest: ({ device, received, nonce, findings, body }) => {
			const dropped = findings.length > 0 ? 1 : 0;
			keep.run(device, received, nonce, dropped, JSON.stringify(findings), body);
			prune.run(device, dropped, device, dropped);
		},
		manifests: (device, limit) => newest.all(device, limit).map(manifestOf),
		nonceUsed: (device, nonce) => used.get(device, nonce) !== undefined,
	};
}

type Row = Readonly<Record<string, unknown>>;

function optional<T>(row: Row | undefined, read: (row: Row) => T): T | undefined {
	return row === undefined ? undefined : read(row);
}

function deviceOf(row: Row): StoredDevice {
	return JSON.parse(String(row.body)) as StoredDevice;
}

function documentOf(row: Row): DeviceDocument {
	const { device, role, version, expires, body } = row;
	return {
		...{ device: String(device), role: String(role) as DeviceDocument['role'] },
		...{ version: Number(version), expires: Number(expires), body: String(body) },
	};
}

function manifestOf(row: Row): StoredManifest {
	return {
		...{ device: String(row.device), received: Number(row.received), nonce: String(row.nonce) },
		...{ findings: JSON.parse(String(row.findings)) as StoredManifest['findings'], body: String(row.body) },
	};
}
