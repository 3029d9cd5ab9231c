// What the server does for the repository by itself, now and then: it signs again what is due, writes what is committed
// and not yet served, mends the files, forgets old documents, and says which roles expire soon. It leaves out when that
// is (programs/application.ts), and what is due (rules/repository).

import { flushOutbox, repairTimestamp, restoreFiles } from './outbox.ts';
import { type Publisher, settingsOf } from './publisher.ts';
import { repositorySettings } from './repository/world.ts';
import { metadataFileName } from './rules/metadata/file-names.ts';
import { type Alarm, alarmsOf, expiriesOf, type RoleExpiry } from './rules/repository/alarms.ts';
import type { MetadataFiles, TrustStorage } from './store.ts';

export interface HousekeepingWorld {
	readonly storage: TrustStorage;
	readonly files: MetadataFiles;
	readonly publisher: Publisher;
	/** The server has a key: it signs. */
	readonly signs: boolean;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
	/** Told of every alarm when it begins, and once a day while it lasts. */
	readonly alarm: (alarm: Alarm) => void;
}

const day = 86_400_000;
/** A device that began a refresh finishes it within this time, however often is published meanwhile. */
const refreshTime = 3_600_000;
/** Documents that one round forgets. */
const MOST_FORGOTTEN = 5_000;

export class Housekeeping {
	readonly #world: HousekeepingWorld;
	#restored = false;
	#told = new Map<string, number>();
	/** Of the last round: for measurements. */
	expiries: readonly RoleExpiry[] = [];

	constructor(world: HousekeepingWorld) {
		this.#world = world;
	}

	/**
	 * One round. A repository without a root costs one read.
	 * @throws CaissonError what publishing throws; the next round tries again
	 */
	async round(): Promise<void> {
		const { storage, files, publisher, signs } = this.#world;
		if (((await storage.trust.role('root'))?.version ?? 0) === 0) return;
		try {
			if (!this.#restored) await restoreFiles(storage, files);
			this.#restored = true;
			if (signs) await publisher.publish('caisson');
			else await flushOutbox(storage, files);
			await repairTimestamp(storage, files);
		} finally {
			await this.#look();
		}
	}

	/** Says what expires soon. */
	async #look(): Promise<void> {
		const { storage, now, alarm } = this.#world;
		this.expiries = expiriesOf(await storage.trust.roles(), settingsOf);
		const alarms = alarmsOf(this.expiries, await repositorySettings(storage.trust), now());
		const told = new Map<string, number>();
		for (const one of alarms) {
			const key = `${one.role} ${one.state}`;
			const last = this.#told.get(key);
			const again = last === undefined || now() - last >= day;
			if (again) alarm(one);
			told.set(key, again ? now() : last);
		}
		this.#told = told;
	}

	/**
	 * Forgets documents that enough later ones follow, with their files; the chain of roots stays.
	 * @returns how many
	 */
	async forget(): Promise<number> {
		const { storage, files, now } = this.#world;
		const { keptVersions } = await repositorySettings(storage.trust);
		const outdated = await storage.trust.outdated(keptVersions + 1, now() - refreshTime, MOST_FORGOTTEN);
		// Files first: what is left of a crash in between is found again by its document.
		const last = new Map<string, number>();
		for (const { role, version } of outdated) {
			await files.remove(metadataFileName(role, version));
			last.set(role, version);
		}
		if (last.size === 0) return 0;
		return await storage.commitTrust(async ({ trust }) => {
			let count = 0;
			for (const [role, version] of last) count += await trust.pruneDocuments(role, version + 1);
			return count;
		});
	}
}
