// What `backup` and `restore` work on: the SQLite database of a data directory, and the audit chain in it. It puts the
// parts of storage and audit together that a restored database goes through before it is served.

import { createHash } from 'node:crypto';
import { defaultDataDirectory } from '../../src/access/data-directory.ts';
import { exportLines } from '../../src/audit/export.ts';
import { LineSplitter } from '../../src/audit/rules/lines.ts';
import { type AuditVerdict, AuditVerifier } from '../../src/audit/rules/verify.ts';
import { chainHead, sealCommitted } from '../../src/audit/sealing.ts';
import type { AuditChainReader } from '../../src/audit/store.ts';
import type { BackupCommandWorld } from '../../src/backup/commands/world.ts';
import type { DatabaseFiles } from '../../src/backup/store.ts';
import { databases } from '../../src/storage/maintenance/databases.ts';
import { isDatabaseAddress } from '../../src/storage/postgres/address.ts';
import { openAuditChain } from '../../src/storage/sqlite/chain.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import { copyDatabase, leaveIdGap } from '../../src/storage/sqlite/snapshot.ts';
import { writeWhole } from '../../src/update/output-file.ts';
import { databaseWorld } from './databases.ts';
import { ownVersion } from './own-version.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export function backupWorld(environment: Readonly<Record<string, string | undefined>>): BackupCommandWorld {
	return {
		database: sqliteFiles,
		writeWhole,
		chooseDatabase: databaseWorld(environment).choose,
		defaultData: () => defaultDataDirectory(environment),
		now: Date.now,
		version: ownVersion(),
	};
}

export const sqliteFiles: DatabaseFiles = {
	copy: async (source, target, observer) => {
		if (!isDatabaseAddress(source)) return copyDatabase(source, target, observer);
		await databases.copy(source, target, (table, rows) => {
			observer.signal.throwIfAborted();
			observer.progress(`${table}: ${rows} rows copied`);
		});
	},
	async head(file) {
		const chain = openAuditChain(file);
		try {
			return await chainHead(chain, sha256);
		} finally {
			chain.close();
		}
	},
	async settle(file, note) {
		// Opening brings the tables up to date; only then are they all there.
		await (await openSqlite(file)).close();
		leaveIdGap(file);
		const storage = await openSqlite(file);
		try {
			const verdict = await verifyChain(storage.chain);
			const audit = inWords(verdict);
			const detail = { backupCreated: note.created, manifest: note.manifest, audit };
			const row = { time: Date.now(), actor: 'caisson', action: 'backup.restore', subject: 'database', detail };
			await storage.commit((unit) => unit.audit.append(row));
			const { chain, commit } = storage;
			const auditWhole = verdict.result !== 'finding' && verdict.result !== 'coverage lost';
			// Behind a seal that cannot be read none is made; `audit verify` tells why.
			const head = auditWhole ? await sealCommitted({ chain, commit, now: Date.now, sha256 }) : undefined;
			const { total = 0 } = await storage.jobs.query({}, { offset: 0, limit: 0, sort: 'asc', total: true });
			return { audit, auditWhole, head, jobs: total };
		} finally {
			await storage.close();
		}
	},
};

async function verifyChain(chain: AuditChainReader): Promise<AuditVerdict> {
	const verifier = new AuditVerifier(sha256);
	const splitter = new LineSplitter();
	for await (const lines of exportLines(chain, Date.now(), sha256)) {
		for (const line of splitter.push(Buffer.from(lines))) verifier.push(line);
	}
	return verifier.verdict();
}

function inWords({ result, intactRows, notYetSealed, findings }: AuditVerdict): string {
	const first = findings[0] === undefined ? '' : ` (${findings[0].message})`;
	return `${result}${first}; ${intactRows} rows as sealed, ${notYetSealed.rows} not yet sealed`;
}
