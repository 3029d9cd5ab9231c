// The whole of storage as the programs see it: readers, and units of work. Both stores (sqlite/, postgres/) give the
// guarantees written here, and contract.ts checks them on both.

import type { TokenReader, TokenWriter } from '../access/store.ts';
import type { DefinitionReader, TrafficReader, TrafficWriter } from '../artifact/store.ts';
import type { AuditChainReader, AuditReader, SealWriter } from '../audit/store.ts';
import type { EventReader, JobReader, JobUnit } from '../job/store.ts';
import type { TrustStorage } from '../trust/store.ts';
import type { Commit } from '../unit-of-work.ts';
import type { WorkflowReader } from '../workflow/store.ts';

/** Everything that one step may change together. */
export interface UnitOfWork extends JobUnit {
	readonly seals: SealWriter;
	readonly tokens: TokenWriter;
	readonly traffic: TrafficWriter;
}

export interface Storage extends TrustStorage {
	readonly jobs: JobReader;
	readonly workflows: WorkflowReader;
	readonly events: EventReader;
	readonly audit: AuditReader;
	readonly chain: AuditChainReader;
	readonly tokens: TokenReader;
	readonly traffic: TrafficReader;
	readonly definitions: DefinitionReader;
	readonly commit: Commit<UnitOfWork>;
	/** Calls `listener` after each commit that added events, from whichever server. @returns a function that stops it */
	onEvents(listener: () => void): () => void;
	/** One cheap round trip. @throws CaissonError storage-unavailable */
	check(): Promise<void>;
	/** Finishes what was accepted, then closes. Later calls fail with storage-unavailable. */
	close(): Promise<void>;
}
