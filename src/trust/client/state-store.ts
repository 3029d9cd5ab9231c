// What a device keeps of its trust between two refreshes: the metadata that it last trusted, the floor under its clock, and
// the last refusal. It lies in one folder on the data partition, never inside an A/B slot: there, each fallback would undo
// the protection against rollback. Every change is atomic and durable. It leaves out whether metadata is good.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import type { Refusal } from '../rules/client/refusal.ts';
import type { TimeFloor } from '../rules/client/time-floor.ts';
import { makeFolder, readOptional, removeDurably, type Step, sweep, writeDurably } from './durable-file.ts';
import { roleFile } from './names.ts';

/** `status.json`: what is not metadata. */
export interface ClientStatus {
	readonly format: 1;
	readonly floor: TimeFloor;
	/**
	 * The timestamp and snapshot must be deleted once the root has this version (clause 5.3.11); written before that root is,
	 * so that a cut between the two is noticed.
	 */
	readonly forgetWithRoot?: number;
	/** The last refresh that succeeded: milliseconds since 1970 by the device's clock, and the version of each top-level role. */
	readonly lastRefresh?: { readonly at: number; readonly versions: Readonly<Record<string, number>> };
	/** The last refusal of a refresh or download, and when; gone after the next refresh that succeeds. */
	readonly lastRefusal?: { readonly at: number; readonly refusal: Refusal };
}

const emptyStatus: ClientStatus = { format: 1, floor: {} };

/** One process at a time may write to a state folder (lock.ts). */
export class StateStore {
	readonly folder: string;
	readonly #metadata: string;
	readonly #step: Step | undefined;

	constructor(folder: string, step?: Step) {
		this.folder = folder;
		this.#metadata = join(folder, 'metadata');
		this.#step = step;
	}

	/** The metadata kept for a role, as bytes; undefined where there is none. It is verified anew at each use. */
	async load(role: string): Promise<Uint8Array | undefined> {
		return readOptional(join(this.#metadata, roleFile(role)));
	}

	/** Keeps the metadata of a role in place of what was kept. Durable on return. */
	async keep(role: string, bytes: Uint8Array): Promise<void> {
		await writeDurably(join(this.#metadata, roleFile(role)), bytes, this.#step);
	}

	/** Deletes the metadata of a role. Durable on return. */
	async forget(role: string): Promise<void> {
		await removeDurably(join(this.#metadata, roleFile(role)), this.#step);
	}

	async makeFolders(): Promise<void> {
		await makeFolder(this.#metadata, this.#step);
	}

	/** Removes what a cut left of a write. Only for who holds the lock: others may be writing. */
	async sweep(): Promise<void> {
		await sweep(this.folder);
		await sweep(this.#metadata);
	}

	/** Deletes the metadata of every role not in `roles`. */
	async keepOnly(roles: Iterable<string>): Promise<void> {
		const wanted = new Set([...roles].map(roleFile));
		for (const name of await readdir(this.#metadata)) {
			if (name.endsWith('.json') && !wanted.has(name)) await removeDurably(join(this.#metadata, name), this.#step);
		}
	}

	/** A damaged file counts as none: what it holds beyond the metadata makes the device safer, and its loss must not stop it. */
	async status(): Promise<ClientStatus> {
		const bytes = await readOptional(join(this.folder, 'status.json'));
		if (bytes === undefined) return emptyStatus;
		try {
			const value = JSON.parse(Buffer.from(bytes).toString()) as ClientStatus;
			return value.format === 1 && typeof value.floor === 'object' && value.floor !== null ? value : emptyStatus;
		} catch {
			return emptyStatus;
		}
	}

	async keepStatus(status: ClientStatus): Promise<void> {
		const text = `${JSON.stringify(status, undefined, '\t')}\n`;
		await writeDurably(join(this.folder, 'status.json'), new TextEncoder().encode(text), this.#step);
	}
}

/** The bytes of the trusted root. @throws CaissonError trust-state-missing where the state was never initialised */
export async function trustedRoot(store: StateStore): Promise<Uint8Array> {
	const bytes = await store.load('root');
	if (bytes !== undefined) return bytes;
	throw new CaissonError(
		'trust-state-missing',
		`${store.folder} holds no trusted root: begin with \`caisson trust client init ROOT.json --state DIR\`.`,
	);
}
