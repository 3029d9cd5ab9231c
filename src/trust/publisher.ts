// Publishes: makes the documents that the online key signs (dirty bins, snapshot, timestamp), commits them together with
// documents that people have signed, and has their files written. It decides what is built when, and what happens when
// another server publishes at the same time: whoever commits second builds its snapshot anew on what the first one left,
// so both succeed and versions have no gap. It leaves out who may publish what, and what the documents say (rules/).

import type { AuditRow } from '../audit/store.ts';
import { CaissonError } from '../errors.ts';
import { flushOutbox } from './outbox.ts';
import type { Sha256 } from './rules/metadata/model.ts';
import {
	binText,
	expiryOf,
	isDue,
	type OnlineFields,
	type SnapshotEntry,
	signedFile,
	snapshotText,
	timestampText,
} from './rules/repository/online.ts';
import type { RepositorySettings } from './rules/repository/settings.ts';
import type { OnlineSigner } from './signer.ts';
import type { MetadataFiles, NewDocument, StoredRole, TrustStorage, TrustUnit } from './store.ts';

export interface PublisherWorld {
	readonly storage: TrustStorage;
	readonly files: MetadataFiles;
	readonly settings: () => Promise<RepositorySettings>;
	/** The keys that sign the role online: as many as its threshold asks for. */
	readonly signers: (role: string) => readonly OnlineSigner[];
	readonly sha256: Sha256;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
}

/** What is published beside what is due by itself. */
export interface Publication {
	/** Documents that people signed: each must be the next of its role. */
	readonly documents?: readonly NewDocument[];
	/** Runs in the unit that commits them, before them. */
	readonly before?: (unit: TrustUnit) => Promise<void>;
	readonly audit?: readonly AuditRow[];
	/** Sign all online roles anew, due or not. */
	readonly all?: boolean;
}

export interface Published {
	readonly snapshot: number;
	readonly timestamp: number;
	/** Roles with a new document, the two above excepted. */
	readonly roles: readonly string[];
}

// Times that a publication is built anew because another server was faster.
const MOST_TRIES = 20;
// Targets read at once.
const PAGE = 5_000;

export class Publisher {
	readonly #world: PublisherWorld;
	#last: Promise<unknown> = Promise.resolve();
	#next: Promise<Published | undefined> | undefined;

	constructor(world: PublisherWorld) {
		this.#world = world;
	}

	/**
	 * Publishes all changes that wait and are not held, and signs again what is due. Callers who come while one is being
	 * made share the next one. On return it is committed and served. @returns undefined where there was nothing to do
	 * @throws CaissonError storage-unavailable, blobs-unavailable (committed, and served later), key-unusable, trust-conflict
	 */
	publish(): Promise<Published | undefined> {
		this.#next ??= this.#enqueue(() => {
			this.#next = undefined;
			return this.#publish({});
		});
		return this.#next;
	}

	/** The same with documents of its own, in a publication of their own. */
	publishWith(publication: Publication): Promise<Published | undefined> {
		return this.#enqueue(() => this.#publish(publication));
	}

	#enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
		const result = this.#last.then(work);
		this.#last = result.catch(() => {});
		return result;
	}

	async #publish(publication: Publication): Promise<Published | undefined> {
		const { storage, files } = this.#world;
		const bins = new Map<string, BuiltBin>();
		for (let tries = 1; ; tries++) {
			const plan = await this.#build(publication, bins);
			if (plan === undefined) {
				await flushOutbox(storage, files);
				return undefined;
			}
			try {
				await storage.commitTrust(async (unit) => {
					await publication.before?.(unit);
					await unit.trust.putDocuments(plan.documents);
					for (const row of publication.audit ?? []) await unit.audit.append(row);
				});
			} catch (error) {
				const overtaken = error instanceof CaissonError && error.code === 'trust-conflict';
				// A document that people signed does not get another version by trying again.
				if (!overtaken || tries === MOST_TRIES || (await this.#isPast(publication))) throw error;
				await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * tries));
				continue;
			}
			await flushOutbox(storage, files);
			return plan.published;
		}
	}

	async #isPast({ documents = [] }: Publication): Promise<boolean> {
		for (const { role, version, built } of documents) {
			const stored = await this.#world.storage.trust.role(role);
			if (stored === undefined || stored.version >= version || stored.revision !== built) return true;
		}
		return false;
	}

	/** The documents of one publication, made from what is committed now. */
	async #build(
		publication: Publication,
		made: Map<string, BuiltBin>,
	): Promise<{ documents: NewDocument[]; published: Published } | undefined> {
		const { storage, now } = this.#world;
		const settings = await this.#world.settings();
		const time = now();
		const roles = await storage.trust.roles();
		const dirty = new Set((await storage.trust.roles({ dirty: true })).map(({ name }) => name));
		const given = new Set((publication.documents ?? []).map(({ role }) => role));
		const bins: NewDocument[] = [];
		for (const role of roles) {
			if (!isBuiltOnline(role) || given.has(role.name)) continue;
			const wanted = publication.all || dirty.has(role.name) || role.version === 0 || isDue(role, settings, time);
			if (wanted) bins.push(await this.#bin(role, settings, time, made));
		}
		const news = [...(publication.documents ?? []), ...bins];
		const snapshot = roles.find(({ kind }) => kind === 'snapshot');
		const timestamp = roles.find(({ kind }) => kind === 'timestamp');
		if (snapshot === undefined || timestamp === undefined) {
			throw new CaissonError('trust-not-bootstrapped', 'the repository has no root yet');
		}
		const quiet = !isDue(snapshot, settings, time) && !isDue(timestamp, settings, time);
		if (news.length === 0 && quiet && !publication.all && snapshot.version > 0) return undefined;
		const entries = snapshotEntries(roles, news);
		const newSnapshot = await this.#document(snapshot, settings, time, (fields) => snapshotText(fields, entries));
		const newTimestamp = await this.#document(timestamp, settings, time, (fields) =>
			timestampText(fields, newSnapshot, time),
		);
		return {
			documents: [...news, newSnapshot, newTimestamp],
			published: {
				snapshot: newSnapshot.version,
				timestamp: newTimestamp.version,
				roles: news.map(({ role }) => role),
			},
		};
	}

	/** A bin that was built for an earlier try is taken again, unless the bin has changed since. */
	async #bin(
		role: StoredRole,
		settings: RepositorySettings,
		time: number,
		made: Map<string, BuiltBin>,
	): Promise<NewDocument> {
		const before = made.get(role.name);
		if (before !== undefined && before.revision === role.revision && before.document.version === role.version + 1) {
			return before.document;
		}
		const targets = await this.#targetsOf(role.name);
		const document = await this.#document(role, settings, time, (fields) => binText(fields, targets));
		made.set(role.name, { revision: role.revision, document });
		return document;
	}

	async #targetsOf(role: string): Promise<{ path: string; body: string }[]> {
		const targets: { path: string; body: string }[] = [];
		for (let after = ''; ; ) {
			const page = await this.#world.storage.trust.targets({ role }, after, PAGE);
			for (const { path, wanted, published, held } of page) {
				const body = held ? published : wanted;
				if (body !== null) targets.push({ path, body });
			}
			if (page.length < PAGE) return targets;
			after = page.at(-1)?.path ?? after;
		}
	}

	async #document(
		role: StoredRole,
		settings: RepositorySettings,
		time: number,
		text: (fields: OnlineFields) => string,
	): Promise<NewDocument> {
		const { unknown } = JSON.parse(role.settings) as { unknown?: Record<string, unknown> };
		const version = role.version + 1;
		const expires = expiryOf(role.kind, settings, time);
		const signed = text({ version, expires, ...(unknown === undefined ? {} : { unknown }) });
		const payload = new TextEncoder().encode(signed);
		const signatures = [];
		for (const signer of this.#world.signers(role.name)) {
			signatures.push({ keyid: signer.keyid, sig: hex(await signer.sign(payload)) });
		}
		const body = signedFile(signed, signatures);
		const bytes = new TextEncoder().encode(body);
		return {
			...{ role: role.name, version, body, committed: time, expires, built: role.revision },
			length: bytes.length,
			sha256: this.#world.sha256(bytes),
		};
	}
}

/** Does the online key sign this role's list of targets? */
export function isBuiltOnline({ kind, settings }: Pick<StoredRole, 'kind' | 'settings'>): boolean {
	if (kind === 'bin') return true;
	return (kind === 'delegated' || kind === 'targets') && (JSON.parse(settings) as { online?: boolean }).online === true;
}

interface BuiltBin {
	readonly revision: number;
	readonly document: NewDocument;
}

/**
 * All targets roles, with the new documents in place. Roles that people sign get their hash in, so that the online keys
 * cannot exchange their bytes; for thousands of bins the version alone keeps the snapshot small.
 */
function snapshotEntries(roles: readonly StoredRole[], documents: readonly NewDocument[]): SnapshotEntry[] {
	const news = new Map(documents.map((document) => [document.role, document]));
	return roles.flatMap((role): SnapshotEntry[] => {
		if (role.kind !== 'targets' && role.kind !== 'delegated' && role.kind !== 'bin') return [];
		const { version, length, sha256 } = news.get(role.name) ?? role;
		if (version === 0) return [];
		return [role.kind === 'bin' ? { name: role.name, version } : { name: role.name, version, length, sha256 }];
	});
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
