// Seals what is committed: reads the rows above the newest seal, and appends the next seal in a unit of work of its own.
// Writers never wait for it. It decides nothing about when it runs (the programs do) nor about the form of a seal.

import { CaissonError } from '../errors.ts';
import type { Commit } from '../unit-of-work.ts';
import {
	type ChainHead,
	headOf,
	lastRowOf,
	makeSeal,
	readSeal,
	rowsPerSeal,
	type Seal,
	type Sha256,
} from './rules/seal.ts';
import type { AuditChainReader, SealWriter, StoredSeal } from './store.ts';

export interface SealingWorld {
	readonly chain: AuditChainReader;
	readonly commit: Commit<{ readonly seals: SealWriter }>;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
	readonly sha256: Sha256;
}

/**
 * Seals all rows that are committed, `rowsPerSeal` at a time. Several servers may do so at once: the unit reads the
 * last seal again, and whoever finds that it is no longer the one that he built on begins anew.
 * @returns where the chain stands; undefined where nothing was ever sealed
 * @throws CaissonError storage-damaged where the newest seal cannot be read: nothing is sealed behind it
 */
export async function sealCommitted(world: SealingWorld): Promise<ChainHead | undefined> {
	for (;;) {
		const last = usable(await world.chain.lastSeal(), world.sha256);
		const rows = await world.chain.rows(last === undefined ? 0 : lastRowOf(last), rowsPerSeal);
		if (rows.length === 0) return last && headOf(last);
		const next = makeSeal(last, rows, world.now(), world.sha256);
		const appended = await world.commit(async ({ seals }) => {
			const current = await seals.last();
			if ((current?.number ?? 0) !== (last?.number ?? 0)) return false;
			await seals.append(next);
			return true;
		});
		if (appended && rows.length < rowsPerSeal) return headOf(usable(next, world.sha256) as Seal);
	}
}

/** Where the chain stands. @throws CaissonError storage-damaged */
export async function chainHead(chain: AuditChainReader, sha256: Sha256): Promise<ChainHead | undefined> {
	const last = usable(await chain.lastSeal(), sha256);
	return last && headOf(last);
}

function usable(stored: StoredSeal | undefined, sha256: Sha256): Seal | undefined {
	if (stored === undefined) return undefined;
	const seal = readSeal(stored.body, sha256);
	const fault = 'fault' in seal ? seal.fault : seal.number === stored.number ? undefined : 'its number is another';
	if (fault === undefined && !('fault' in seal)) return seal;
	const message = `Seal ${stored.number} of the audit trail cannot be used: ${fault}. Run \`caisson audit verify\`.`;
	throw new CaissonError('storage-damaged', message);
}
