// The tables of trust, read and written by the same statements on both engines. It decides what each method of
// TrustReader and TrustWriter asks for; how a statement gets to its engine, and how rows are given to it by the
// thousand, is passed in. Transactions are the business of the engines' own files.

import { CaissonError } from '../errors.ts';
import type {
	NewDocument,
	OutboxEntry,
	PendingDocument,
	RoleKind,
	StoredDocument,
	StoredRole,
	StoredTarget,
	TargetChange,
	TargetFilter,
	TrustReader,
	TrustWriter,
} from '../trust/store.ts';
import type { Row } from './rows.ts';

/** One column of rows that are given to a statement. */
export type BatchColumn = readonly [name: string, type: 'text' | 'integer'];

export interface TrustSql {
	/** Runs a statement whose parameters are $1, $2 and so on. */
	query(sql: string, values: readonly unknown[]): Promise<readonly Row[]>;
	/**
	 * A common table expression `name(columns)` that holds `rows`, and the parameters that it takes, from $1 on.
	 */
	batch(
		name: string,
		columns: readonly BatchColumn[],
		rows: readonly (readonly (string | number | null)[])[],
	): { readonly sql: string; readonly values: readonly unknown[] };
}

// Rows in one statement: the memory of a statement stays small whatever the length of a list.
const MOST_ROWS = 2_000;
const MOST_DOCUMENTS = 64;

const roleColumns = 'name, kind, delegator, version, length, sha256, expires, revision, built, settings';
const targetColumns = 'path, role, wanted, published, held';

export function trustReader({ query }: TrustSql): TrustReader {
	const one = async (sql: string, values: readonly unknown[]) => (await query(sql, values))[0];
	return {
		async setting(name) {
			const row = await one('select body from trust_setting where name = $1', [name]);
			return row === undefined ? undefined : String(row.body);
		},
		async role(name) {
			const row = await one(`select ${roleColumns} from trust_role where name = $1`, [name]);
			return row === undefined ? undefined : roleFromRow(row);
		},
		async roles({ kind, dirty } = {}) {
			const conditions = [...(kind === undefined ? [] : ['kind = $1']), ...(dirty === true ? [dirtyCondition] : [])];
			const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
			const sql = `select ${roleColumns} from trust_role ${where} order by name`;
			return (await query(sql, kind === undefined ? [] : [kind])).map(roleFromRow);
		},
		async document(role, version) {
			const which = version === undefined ? 'order by version desc limit 1' : 'and version = $2';
			const sql = `select role, version, body, committed from trust_document where role = $1 ${which}`;
			const row = await one(sql, version === undefined ? [role] : [role, version]);
			return row === undefined ? undefined : documentFromRow(row);
		},
		async versions(role, limit) {
			const sql = 'select version, committed from trust_document where role = $1 order by version desc limit $2';
			const rows = await query(sql, [role, limit]);
			return rows.map((row) => ({ version: Number(row.version), committed: Number(row.committed) }));
		},
		async outdated(kept, before, limit) {
			const sql = `select old.role, old.version from trust_document old
				join trust_document later on later.role = old.role and later.version = old.version + $1
				join trust_role on trust_role.name = old.role
				where trust_role.kind <> 'root' and later.committed < $2 order by old.role, old.version limit $3`;
			const rows = await query(sql, [kept, before, limit]);
			return rows.map((row) => ({ role: String(row.role), version: Number(row.version) }));
		},
		async waitingTargets() {
			const sql =
				'select role, held, count(*) as count from trust_target where waiting = 1 group by role, held order by role, held';
			const rows = await query(sql, []);
			return rows.map((row) => ({ role: String(row.role), held: Number(row.held) === 1, count: Number(row.count) }));
		},
		async target(path) {
			const row = await one(`select ${targetColumns} from trust_target where path = $1`, [path]);
			return row === undefined ? undefined : targetFromRow(row);
		},
		async targets(filter, after, limit) {
			const { sql, values } = targetsQuery(filter, after, limit);
			return (await query(sql, values)).map(targetFromRow);
		},
		async pending() {
			const rows = await query('select role, version, body, started, started_by from trust_pending order by role', []);
			return rows.map(pendingFromRow);
		},
		async outbox(limit) {
			const rows = await query('select seq, role, version from trust_outbox order by seq limit $1', [limit]);
			return rows.map(outboxFromRow);
		},
	};
}

// A held change does not make its role dirty, though it counts as a change. -1 is a role that lost a path to another.
const dirtyCondition = `(built < 0 or (revision > built and exists
	(select 1 from trust_target where trust_target.role = trust_role.name and +waiting = 1 and held = 0)))`;

function targetsQuery({ role, prefix, waiting }: TargetFilter, after: string, limit: number) {
	const values: unknown[] = [after];
	const add = (value: unknown) => `$${values.push(value)}`;
	const conditions = ['path > $1'];
	if (role !== undefined) conditions.push(`role = ${add(role)}`);
	// Paths compare by code point, and this is the last one.
	if (prefix) conditions.push(`path >= ${add(prefix)} and path < ${add(`${prefix}\u{10FFFF}`)}`);
	if (waiting === true) conditions.push('waiting = 1');
	const sql = `select ${targetColumns} from trust_target where ${conditions.join(' and ')} order by path limit ${add(limit)}`;
	return { sql, values };
}

/** Its methods must run in one transaction that no other of trust runs beside. */
export function trustWriter(sql: TrustSql): TrustWriter {
	const { query } = sql;
	/** Runs `statement` once for every so many rows; they are in the table `given`. @returns the rows that come back */
	const withRows = async (
		columns: readonly BatchColumn[],
		rows: readonly (readonly (string | number | null)[])[],
		statement: string,
		most = MOST_ROWS,
	): Promise<Row[]> => {
		const answers: Row[] = [];
		for (let start = 0; start < rows.length; start += most) {
			const given = sql.batch('given', columns, rows.slice(start, start + most));
			answers.push(...(await query(`with ${given.sql} ${statement}`, given.values)));
		}
		return answers;
	};
	const withNames = (names: readonly string[], statement: string) =>
		withRows(
			[['given_name', 'text']],
			names.map((name) => [name]),
			statement,
		);
	const countUp = (roles: Iterable<string>) =>
		withNames([...new Set(roles)], 'update trust_role set revision = revision + 1 from given where name = given_name');

	return {
		...trustReader(sql),
		async putSetting(name, body) {
			const statement =
				'insert into trust_setting (name, body) values ($1, $2) on conflict (name) do update set body = excluded.body';
			await query(statement, [name, body]);
		},
		async putRoles(roles) {
			await withRows(
				['name', 'kind', 'delegator', 'settings'].map((name) => [`given_${name}`, 'text'] as const),
				roles.map(({ name, kind, delegator, settings }) => [name, kind, delegator, settings]),
				`insert into trust_role (${roleColumns})
				select given_name, given_kind, given_delegator, 0, 0, '', 0, 0, 0, given_settings from given where true
				on conflict (name) do update set kind = excluded.kind, delegator = excluded.delegator, settings = excluded.settings`,
			);
		},
		async removeRoles(names) {
			for (const [table, column] of [
				['trust_outbox', 'role'],
				['trust_document', 'role'],
				['trust_pending', 'role'],
				['trust_target', 'role'],
				['trust_role', 'name'],
			]) {
				await withNames(names, `delete from ${table} where ${column} in (select given_name from given)`);
			}
		},
		putTargets: (changes) => putTargets(changes, withRows, withNames, countUp),
		async releaseTargets(paths) {
			const rows =
				paths === undefined
					? await query('update trust_target set held = 0 where held = 1 returning role', [])
					: await withNames(
							paths,
							'update trust_target set held = 0 from given where held = 1 and path = given_name returning role',
						);
			await countUp(rows.map((row) => String(row.role)));
			return rows.length;
		},
		putDocuments: (documents) => putDocuments(documents, withRows, withNames),
		async putPending({ role, version, body, started, startedBy }) {
			await query('delete from trust_pending where role = $1', [role]);
			const statement =
				'insert into trust_pending (role, version, body, started, started_by) values ($1, $2, $3, $4, $5)';
			await query(statement, [role, version, body, started, startedBy]);
		},
		async removePending(role) {
			return (await query('delete from trust_pending where role = $1 returning role', [role])).length > 0;
		},
		async clearOutbox(numbers) {
			await withRows(
				[['given_seq', 'integer']],
				numbers.map((number) => [number]),
				'delete from trust_outbox where seq in (select given_seq from given)',
			);
		},
		async pruneDocuments(role, version) {
			const statement = `delete from trust_document where role = $1 and version < $2 and not exists
				(select 1 from trust_outbox where trust_outbox.role = trust_document.role and trust_outbox.version = trust_document.version)
				returning version`;
			return (await query(statement, [role, version])).length;
		},
	};
}

type WithRows = (
	columns: readonly BatchColumn[],
	rows: readonly (readonly (string | number | null)[])[],
	statement: string,
	most?: number,
) => Promise<Row[]>;
type WithNames = (names: readonly string[], statement: string) => Promise<Row[]>;

async function putTargets(
	changes: readonly TargetChange[],
	withRows: WithRows,
	withNames: WithNames,
	countUp: (roles: Iterable<string>) => Promise<unknown>,
): Promise<void> {
	// The last word on a path counts; one statement may not say two.
	const last = [...new Map(changes.map((change) => [change.path, change])).values()];
	const columns: readonly BatchColumn[] = [
		['given_path', 'text'],
		['given_role', 'text'],
		['given_wanted', 'text'],
		['given_held', 'integer'],
	];
	const rows = last.map(({ path, role, wanted, held }) => [path, role, wanted, held ? 1 : 0]);
	const insert = `insert into trust_target (path, role, wanted, published, waiting, held)
		select given_path, given_role, given_wanted, null, 1, given_held from given where true`;
	// An import is new paths only, and needs no second look.
	const made = await withRows(columns, rows, `${insert} on conflict (path) do nothing returning 1 as made`);
	const left = made.length === rows.length ? [] : await replaceTargets(columns, rows, insert, withRows);
	// What was never published and is wanted no more.
	await withNames(
		last.filter(({ wanted }) => wanted === null).map(({ path }) => path),
		'delete from trust_target where path in (select given_name from given) and wanted is null and published is null',
	);
	await withNames(left, 'update trust_role set built = -1 from given where name = given_name');
	await countUp([...last.map(({ role }) => role), ...left]);
}

/** @returns the roles that lost a path to another one */
async function replaceTargets(
	columns: readonly BatchColumn[],
	rows: readonly (readonly (string | number | null)[])[],
	insert: string,
	withRows: WithRows,
): Promise<string[]> {
	const moved = await withRows(
		columns,
		rows,
		'select distinct role from trust_target, given where path = given_path and role <> given_role',
	);
	await withRows(
		columns,
		rows,
		`${insert} on conflict (path) do update set role = excluded.role, wanted = excluded.wanted,
			published = case when trust_target.role = excluded.role then trust_target.published end,
			waiting = case when trust_target.role = excluded.role and trust_target.published is not distinct from excluded.wanted then 0 else 1 end,
			held = case when trust_target.role = excluded.role and trust_target.published is not distinct from excluded.wanted then 0 else excluded.held end`,
	);
	return moved.map((row) => String(row.role));
}

async function putDocuments(
	documents: readonly NewDocument[],
	withRows: WithRows,
	withNames: WithNames,
): Promise<void> {
	for (let start = 0; start < documents.length; start += MOST_DOCUMENTS) {
		await putSomeDocuments(documents.slice(start, start + MOST_DOCUMENTS), withRows);
	}
	const roles = [...new Set(documents.filter(({ listed }) => !listed).map(({ role }) => role))];
	// The plus keeps SQLite from walking all that waits, of every role.
	const waiting = '+waiting = 1 and held = 0 and role in (select given_name from given)';
	await withNames(roles, `delete from trust_target where wanted is null and ${waiting}`);
	await withNames(roles, `update trust_target set published = wanted, waiting = 0 where ${waiting}`);
	for (const { role, listed } of documents)
		if (listed !== undefined) await putListed(role, listed, withRows, withNames);
}

async function putListed(
	role: string,
	listed: NonNullable<NewDocument['listed']>,
	withRows: WithRows,
	withNames: WithNames,
): Promise<void> {
	const ofRole = 'role in (select given_name from given)';
	await withNames([role], `update trust_target set published = null where ${ofRole}`);
	await withRows(
		[
			['given_path', 'text'],
			['given_role', 'text'],
			['given_body', 'text'],
		],
		listed.map(({ path, body }) => [path, role, body]),
		`insert into trust_target (path, role, wanted, published, waiting, held)
		select given_path, given_role, given_body, given_body, 0, 0 from given where true
		on conflict (path) do update set published = case when trust_target.role = excluded.role then excluded.published else trust_target.published end`,
	);
	await withNames([role], `delete from trust_target where ${ofRole} and wanted is null and published is null`);
	const same = 'wanted is not distinct from published';
	const settled = `set waiting = case when ${same} then 0 else 1 end, held = case when ${same} then 0 else held end`;
	await withNames([role], `update trust_target ${settled} where ${ofRole}`);
}

async function putSomeDocuments(documents: readonly NewDocument[], withRows: WithRows): Promise<void> {
	// Several versions of one role (a chain of roots) are put one after the other: each must be the role's next.
	const rest: NewDocument[] = [];
	const first = new Map<string, NewDocument>();
	for (const document of documents) {
		if (first.has(document.role)) rest.push(document);
		else first.set(document.role, document);
	}
	const put = [...first.values()];
	const updated = await withRows(
		[
			['given_role', 'text'],
			['given_version', 'integer'],
			['given_length', 'integer'],
			['given_sha256', 'text'],
			['given_expires', 'integer'],
			['given_built', 'integer'],
			['given_free', 'integer'],
		],
		put.map(({ role, version, length, sha256, expires, built, listed }) => [
			...[role, version, length, sha256, expires, built],
			listed === undefined ? 0 : 1,
		]),
		`update trust_role set version = given_version, length = given_length, sha256 = given_sha256, expires = given_expires,
			built = case when given_free = 1 then revision else given_built end
		from given where name = given_role and version < given_version and (revision = given_built or given_free = 1) returning name`,
	);
	if (updated.length !== put.length) {
		const done = new Set(updated.map((row) => row.name));
		const refused = put.find(({ role }) => !done.has(role));
		const which = `version ${refused?.version} of the role ${refused?.role}`;
		throw new CaissonError('trust-conflict', `${which} was built from what is no longer the state of the repository`);
	}
	await withRows(
		[
			['given_role', 'text'],
			['given_version', 'integer'],
			['given_body', 'text'],
			['given_committed', 'integer'],
		],
		put.map(({ role, version, body, committed }) => [role, version, body, committed]),
		`insert into trust_document (role, version, body, committed)
		select given_role, given_version, given_body, given_committed from given`,
	);
	await withRows(
		[
			['given_number', 'integer'],
			['given_role', 'text'],
			['given_version', 'integer'],
		],
		put.map(({ role, version }, index) => [index, role, version]),
		'insert into trust_outbox (role, version) select given_role, given_version from given order by given_number',
	);
	if (rest.length > 0) await putSomeDocuments(rest, withRows);
}

function roleFromRow(row: Row): StoredRole {
	return {
		name: String(row.name),
		kind: String(row.kind) as RoleKind,
		delegator: String(row.delegator),
		version: Number(row.version),
		length: Number(row.length),
		sha256: String(row.sha256),
		expires: Number(row.expires),
		revision: Number(row.revision),
		built: Number(row.built),
		settings: String(row.settings),
	};
}

function targetFromRow(row: Row): StoredTarget {
	return {
		path: String(row.path),
		role: String(row.role),
		wanted: row.wanted === null ? null : String(row.wanted),
		published: row.published === null ? null : String(row.published),
		held: Number(row.held) === 1,
	};
}

function documentFromRow(row: Row): StoredDocument {
	return {
		role: String(row.role),
		version: Number(row.version),
		body: String(row.body),
		committed: Number(row.committed),
	};
}

function pendingFromRow(row: Row): PendingDocument {
	return {
		role: String(row.role),
		version: Number(row.version),
		body: String(row.body),
		started: Number(row.started),
		startedBy: String(row.started_by),
	};
}

function outboxFromRow(row: Row): OutboxEntry {
	return { number: Number(row.seq), role: String(row.role), version: Number(row.version) };
}
