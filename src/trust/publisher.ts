// Publishes: makes the documents that the online key signs (dirty bins, snapshot, timestamp), commits them, and has the
// files of all that is committed written. Documents that people sign are committed before (repository.ts), which leaves
// the publication unfinished until it is done here. It decides what is built when, and what happens when
// another server publishes at the same time: whoever commits second builds its snapshot anew on what the first one left,
// so both succeed and versions have no gap. It leaves out who may publish what, and what the documents say (rules/).

import { CaissonError } from '../errors.ts';
import { flushOutbox, unfinished } from './outbox.ts';
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
import type { RoleSettings } from './rules/repository/role-settings.ts';
import type { RepositorySettings } from './rules/repository/settings.ts';
import type { OnlineSigner } from './signer.ts';
import type { MetadataFiles, NewDocument, StoredRole, TrustStorage } from './store.ts';

export interface PublisherWorld {
	readonly storage: TrustStorage;
	readonly files: MetadataFiles;
	readonly settings: () => Promise<RepositorySettings>;
	/** The keys of this server. */
	readonly signers: readonly OnlineSigner[];
	readonly sha256: Sha256;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
	/** Characters of documents that are held before they are committed; 32 Mi by default. */
	readonly mostInMemory?: number;
}

export interface Published {
	readonly snapshot: number;
	readonly timestamp: number;
	/** Roles that were signed besides. */
	readonly roles: readonly string[];
}

// Times that a publication is built anew because another server was faster.
const MOST_TRIES = 20;
// Bytes of documents held before they are committed.
const MOST_IN_MEMORY = 32 << 20;
// Targets read at once.
const PAGE = 5_000;

export class Publisher {
	readonly #world: PublisherWorld;
	#last: Promise<unknown> = Promise.resolve();
	#next: Promise<Published | undefined> | undefined;
	/** Who asked for the next publication. */
	#asked = new Set<string>();

	constructor(world: PublisherWorld) {
		this.#world = world;
	}

	/**
	 * Publishes all changes that wait and are not held, and signs again what is due. Callers who come while one is being
	 * made share the next one; each of them has an audit row in it. On return it is committed and served. @returns undefined where there was nothing to do, or
	 * where roles still have no document at all
	 * @throws CaissonError storage-unavailable, blobs-unavailable (committed, and served later), key-unusable, trust-conflict
	 */
	publish(by: string): Promise<Published | undefined> {
		this.#asked.add(by);
		this.#next ??= this.#enqueue(() => {
			const asked = [...this.#asked];
			this.#next = undefined;
			this.#asked = new Set();
			return this.#publish(false, asked);
		});
		return this.#next;
	}

	/** Signs every online role anew, due or not. Otherwise as publish. */
	signAll(by: string): Promise<Published | undefined> {
		return this.#enqueue(() => this.#publish(true, [by]));
	}

	#enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
		const result = this.#last.then(work);
		this.#last = result.catch(() => {});
		return result;
	}

	async #publish(all: boolean, asked: readonly string[]): Promise<Published | undefined> {
		const { storage, files } = this.#world;
		const bins: BuiltBins = { kept: new Map(), committed: new Map() };
		for (let tries = 1; ; tries++) {
			const plan = await this.#build(all, bins).catch((error: unknown) => again(error, tries));
			if (plan === 'again') continue;
			if (plan === undefined) {
				await flushOutbox(storage, files);
				return undefined;
			}
			try {
				await storage.commitTrust(async ({ trust, audit: trail }) => {
					await trust.putDocuments(plan.documents);
					// What others have begun since is theirs to finish: this snapshot does not name it.
					if (((await trust.setting(unfinished)) ?? '') === plan.open) await trust.putSetting(unfinished, '');
					const { roles, ...versions } = plan.published;
					const detail = { ...versions, roles: roles.length, all };
					for (const actor of asked) {
						await trail.append({
							time: this.#world.now(),
							actor,
							action: 'trust.publish',
							subject: 'repository',
							detail,
						});
					}
				});
			} catch (error) {
				await again(error, tries);
				continue;
			}
			await flushOutbox(storage, files);
			return plan.published;
		}
	}

	/** The documents of one publication, made from what is committed now. */
	async #build(
		all: boolean,
		made: BuiltBins,
	): Promise<{ documents: NewDocument[]; published: Published; open: string } | undefined> {
		const { storage, now } = this.#world;
		const settings = await this.#world.settings();
		const time = now();
		let open = (await storage.trust.setting(unfinished)) ?? '';
		const roles = await storage.trust.roles();
		const dirty = new Set((await storage.trust.roles({ dirty: true })).map(({ name }) => name));
		const snapshot = roles.find(({ kind }) => kind === 'snapshot');
		const timestamp = roles.find(({ kind }) => kind === 'timestamp');
		if (snapshot === undefined || timestamp === undefined || !isComplete(roles)) return undefined;
		const anew = all || open === 'all';
		let built: NewDocument[] = [];
		let size = 0;
		for (const role of roles) {
			if (!isBuiltOnline(role)) continue;
			const before = made.committed.get(role.name);
			const due = anew ? before?.version !== role.version : isDue({ ...role, kind: 'bin' }, settings, time);
			if (!due && !dirty.has(role.name) && role.version > 0) continue;
			const document = await this.#bin(role, settings, time, made);
			built.push(document);
			size += document.body.length;
			if (size < (this.#world.mostInMemory ?? MOST_IN_MEMORY)) continue;
			open = await this.#commitEarly(built, made);
			[built, size] = [[], 0];
		}
		const quiet = open === '' && snapshot.version > 0 && made.committed.size === 0;
		const due = isDue(snapshot, settings, time) || isDue(timestamp, settings, time);
		if (built.length === 0 && quiet && !due && !anew) return undefined;
		// Of a role that somebody has signed again since, the database knows more.
		const versions = new Map(roles.map(({ name, version }) => [name, version]));
		const early = [...made.committed.values()].filter(({ role, version }) => version > (versions.get(role) ?? 0));
		const news = [...early, ...built];
		const entries = snapshotEntries(roles, news);
		const newSnapshot = await this.#document(snapshot, settings, time, (fields) => snapshotText(fields, entries));
		const newTimestamp = await this.#document(timestamp, settings, time, (fields) =>
			timestampText(fields, newSnapshot, time),
		);
		return {
			documents: [...built, newSnapshot, newTimestamp],
			open,
			published: {
				snapshot: newSnapshot.version,
				timestamp: newTimestamp.version,
				roles: [...new Set([...made.committed.keys(), ...built.map(({ role }) => role)])],
			},
		};
	}

	/**
	 * Commits bins before the snapshot that names them, so that memory stays small however many there are. Nobody meets
	 * them until then, and whoever publishes next finishes it where this server dies.
	 * @returns what the setting `unfinished` is then
	 */
	async #commitEarly(documents: readonly NewDocument[], made: BuiltBins): Promise<string> {
		const open = await this.#world.storage.commitTrust(async ({ trust }) => {
			await trust.putDocuments(documents);
			const now = ((await trust.setting(unfinished)) ?? '') || 'some';
			await trust.putSetting(unfinished, now);
			return now;
		});
		for (const { body, ...facts } of documents) {
			made.kept.delete(facts.role);
			made.committed.set(facts.role, facts);
		}
		return open;
	}

	/** A bin that was built for an earlier try is taken again, unless the bin has changed since. */
	async #bin(role: StoredRole, settings: RepositorySettings, time: number, { kept }: BuiltBins): Promise<NewDocument> {
		const before = kept.get(role.name);
		if (before !== undefined && before.revision === role.revision && before.document.version === role.version + 1) {
			return before.document;
		}
		const targets = await this.#targetsOf(role.name);
		const document = await this.#document(role, settings, time, (fields) => binText(fields, targets));
		kept.set(role.name, { revision: role.revision, document });
		return document;
	}

	/** As many as the threshold asks for. */
	#signers(role: string, keyids: readonly string[], threshold: number): OnlineSigner[] {
		const signers = this.#world.signers.filter(({ keyid }) => keyids.includes(keyid)).slice(0, threshold);
		if (signers.length === threshold) return signers;
		const missing = `${threshold} of its keys must sign and this server has ${signers.length}`;
		throw new CaissonError('key-unusable', `the role ${role} cannot be signed here: ${missing} (--trust-key)`);
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
		const { unknown, keyids, threshold } = settingsOf(role);
		const version = role.version + 1;
		// Every list of targets that the server signs lasts as long as bins do.
		const expires = expiryOf(isBuiltOnline(role) ? 'bin' : role.kind, settings, time);
		const signed = text({ version, expires, ...(unknown === undefined ? {} : { unknown }) });
		const payload = new TextEncoder().encode(signed);
		const signatures = [];
		for (const signer of this.#signers(role.name, keyids, threshold)) {
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

/** Does the server sign this role's list of targets? */
export function isBuiltOnline(role: Pick<StoredRole, 'kind' | 'settings'>): boolean {
	return role.kind !== 'root' && role.kind !== 'snapshot' && role.kind !== 'timestamp' && settingsOf(role).online;
}

export function settingsOf({ settings }: Pick<StoredRole, 'settings'>): RoleSettings {
	return JSON.parse(settings) as RoleSettings;
}

/** Every role that people sign has a document: before that no device could follow its delegation. */
function isComplete(roles: readonly StoredRole[]): boolean {
	return roles.every(
		(role) => role.version > 0 || role.kind === 'snapshot' || role.kind === 'timestamp' || isBuiltOnline(role),
	);
}

/** Waits a little after another server was faster. @throws what is no such thing, and the last of many */
async function again(error: unknown, tries: number): Promise<'again'> {
	const overtaken = error instanceof CaissonError && error.code === 'trust-conflict';
	if (!overtaken || tries === MOST_TRIES) throw error;
	await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * tries));
	return 'again';
}

/** What one publication has built so far, over all its tries. */
interface BuiltBins {
	readonly kept: Map<string, BuiltBin>;
	/** Committed before the snapshot: their facts. */
	readonly committed: Map<string, Omit<NewDocument, 'body'>>;
}

interface BuiltBin {
	readonly revision: number;
	readonly document: NewDocument;
}

/**
 * All targets roles, with the new documents in place. Roles that people sign get their hash in, so that the online keys
 * cannot exchange their bytes; for thousands of bins the version alone keeps the snapshot small.
 */
function snapshotEntries(
	roles: readonly StoredRole[],
	documents: readonly Omit<NewDocument, 'body'>[],
): SnapshotEntry[] {
	const news = new Map(documents.map((document) => [document.role, document]));
	return roles.flatMap((role): SnapshotEntry[] => {
		if (role.kind !== 'targets' && role.kind !== 'delegated' && role.kind !== 'bin') return [];
		const { version, length, sha256 } = news.get(role.name) ?? role;
		if (version === 0) return [];
		return [role.kind === 'bin' ? { name: role.name, version } : { name: role.name, version, length, sha256 }];
	});
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
