// The TUF client of a device, whole: it begins with a root that was handed over, refreshes, downloads, and tells how each
// ended as a value that an agent can report. A refusal is such a value, and is kept; trouble of the device itself (disk,
// wrong options) is an error. It leaves out the rules (rules/client) and one cycle's steps (update-cycle.ts).

import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import { type Refusal, Refused } from '../rules/client/refusal.ts';
import { type JudgedTime, raisedFloor } from '../rules/client/time-floor.ts';
import { TrustedSet } from '../rules/client/trusted-set.ts';
import type { FoundTarget } from '../rules/metadata/delegation.ts';
import type { RootSigned, TargetsSigned, TimestampSigned } from '../rules/metadata/model.ts';
import type { Step } from './durable-file.ts';
import { defaultFetchPolicy, Fetcher, type FetchPolicy, type TlsIdentity } from './fetcher.ts';
import { type ClientLimits, defaultClientLimits } from './limits.ts';
import { lockFolder } from './lock.ts';
import { Mirrors } from './mirrors.ts';
import { type ClientStatus, StateStore } from './state-store.ts';
import { downloadTarget, forgetPartials } from './target-download.ts';
import { type ClientCrypto, UpdateCycle } from './update-cycle.ts';

export interface TrustClientOptions extends ClientCrypto {
	/** On the data partition, never inside an A/B slot. */
	readonly state: string;
	/** Base URLs of the metadata, in order of preference. */
	readonly metadataUrls: readonly string[];
	/** Base URLs of the targets; needed for downloads. */
	readonly targetUrls?: readonly string[];
	/** Milliseconds since 1970. */
	readonly clock: () => number;
	/** When the device's image was built: the first floor under its clock. */
	readonly built?: number;
	readonly tls?: TlsIdentity;
	readonly policy?: Partial<FetchPolicy>;
	readonly limits?: Partial<ClientLimits>;
	readonly signal?: AbortSignal;
	/** Refuses a timestamp before it is kept: see update-cycle.ts. */
	readonly refuseTimestamp?: (timestamp: TimestampSigned) => string | undefined;
	/** For tests that end the process at a step: see durable-file.ts. */
	readonly step?: Step;
}

/** The versions that are trusted now, by top-level role. */
export type Versions = Readonly<Record<string, number>>;

/** A version that fell because the root has new keys: how a repository recovers from a fast-forward attack (clause 5.3.11). */
export interface Recovery {
	readonly code: 'fast-forward-recovered';
	readonly role: string;
	readonly from: number;
	readonly to: number;
}

export interface Refreshed {
	readonly outcome: 'refreshed';
	readonly versions: Versions;
	/** How many roots the chain was longer than what the device held. */
	readonly rootsFollowed: number;
	readonly time: JudgedTime;
	readonly recovered: readonly Recovery[];
}

export interface RefreshRefused {
	readonly outcome: 'refused';
	readonly refusal: Refusal;
	/** Absent where it was refused before the time could be judged. */
	readonly time?: JudgedTime;
}

export interface TargetOutcome {
	readonly name: string;
	readonly outcome: 'downloaded' | 'cached' | 'refused';
	/** Where the verified file lies. */
	readonly path?: string;
	/** What its metadata says; absent where it was not found. */
	readonly found?: FoundTarget;
	readonly refusal?: Refusal;
}

export interface Downloaded {
	readonly outcome: 'downloaded';
	readonly refreshed: Refreshed;
	/** In the order asked for; some may be refused. */
	readonly targets: readonly TargetOutcome[];
}

/** What consult() lends: documents of one refresh, verified. */
export interface Consulted {
	/** The top-level targets. */
	readonly targets: TargetsSigned;
	find(name: string): Promise<FoundTarget | Refusal>;
	download(name: string, folder: string): Promise<TargetOutcome>;
}

/**
 * Begins a state with a root that came by a way that is trusted. It makes no request.
 * @throws TrustFailure where the root is malformed or not signed by itself; CaissonError trust-state-exists where the
 * state holds a root already
 */
export async function initialiseState(folder: string, root: Uint8Array, crypto: ClientCrypto): Promise<RootSigned> {
	const trusted = new TrustedSet(root, { now: 0, ...crypto });
	const store = new StateStore(folder);
	await store.makeFolders();
	const unlock = await lockFolder(folder);
	try {
		await store.sweep();
		if ((await store.load('root')) !== undefined) {
			throw new CaissonError(
				'trust-state-exists',
				`${folder} holds a trusted root already; replacing it would forget what protects against rollback.`,
			);
		}
		await store.keep('root', root);
		return trusted.root;
	} finally {
		await unlock();
	}
}

/** What a state folder holds besides metadata: the floor under the clock, the last refresh, the last refusal. */
export async function readStatus(folder: string): Promise<ClientStatus> {
	return new StateStore(folder).status();
}

/** What only says that time went on is written at most this often (milliseconds), to spare the flash of a device that polls. */
const writeGrain = 3_600_000;

export class TrustClient {
	readonly #options: TrustClientOptions;
	readonly #store: StateStore;
	readonly #fetcher: Fetcher;
	readonly #metadata: Mirrors;
	readonly #targets: Mirrors | undefined;

	/** @throws CaissonError configuration-invalid for URLs that cannot be used */
	constructor(options: TrustClientOptions) {
		this.#options = options;
		this.#store = new StateStore(options.state, options.step);
		this.#fetcher = new Fetcher({ ...defaultFetchPolicy, ...options.policy }, options.tls);
		this.#metadata = new Mirrors(this.#fetcher, options.metadataUrls);
		this.#targets = options.targetUrls && new Mirrors(this.#fetcher, options.targetUrls);
	}

	/** Ends kept connections. */
	close(): void {
		this.#fetcher.close();
	}

	/**
	 * Clauses 5.1 to 5.6.6. Everything that was trusted on the way is durable on return, also where it ends in a refusal.
	 * @throws CaissonError trust-state-missing, trust-state-busy, file-unusable
	 */
	async refresh(): Promise<Refreshed | RefreshRefused> {
		return this.#locked(async () => {
			const { result } = await this.#refresh();
			return result;
		});
	}

	/**
	 * Refreshes, and brings the targets to files below `folder`. A file under a target's name is complete and verified.
	 * @throws CaissonError as refresh
	 */
	async download(names: readonly string[], folder: string): Promise<Downloaded | RefreshRefused> {
		const mirrors = this.#targets;
		if (mirrors === undefined) throw new CaissonError('configuration-invalid', 'no URL of targets was given');
		return this.#locked(async () => {
			const { cycle, result } = await this.#refresh();
			if (result.outcome === 'refused') return result;
			const targets: TargetOutcome[] = [];
			for (const name of names) targets.push(await this.#downloadOne(cycle, mirrors, name, folder));
			const held = targets.flatMap(({ found }) => found ?? []);
			await forgetPartials(folder, held);
			const refused = targets.find(({ refusal }) => refusal !== undefined)?.refusal;
			if (refused !== undefined) await this.#keepRefusal(refused);
			return { outcome: 'downloaded', refreshed: result, targets };
		});
	}

	/**
	 * Refreshes, and lets `work` look at targets and download them, all of the one state that was trusted then. The state
	 * is locked meanwhile. What `work` returns is passed on.
	 * @throws CaissonError as refresh, and what `work` throws
	 */
	async consult<T>(work: (trusted: Consulted, refreshed: Refreshed) => Promise<T>): Promise<T | RefreshRefused> {
		return this.#locked(async () => {
			const { cycle, result } = await this.#refresh();
			if (result.outcome === 'refused') return result;
			const trusted: Consulted = {
				targets: cycle.trusted.targets() as TargetsSigned,
				find: async (name) => {
					try {
						return await cycle.find(name);
					} catch (error) {
						if (error instanceof Refused) return error.refusal;
						throw error;
					}
				},
				download: async (name, folder) => {
					if (this.#targets === undefined)
						throw new CaissonError('configuration-invalid', 'no URL of targets was given');
					const outcome = await this.#downloadOne(cycle, this.#targets, name, folder);
					if (outcome.refusal !== undefined) await this.#keepRefusal(outcome.refusal);
					return outcome;
				},
			};
			return work(trusted, result);
		});
	}

	async #locked<T>(work: () => Promise<T>): Promise<T> {
		await this.#store.makeFolders();
		const unlock = await lockFolder(this.#options.state);
		try {
			await this.#store.sweep();
			return await work();
		} finally {
			await unlock();
		}
	}

	async #refresh(): Promise<{ cycle: UpdateCycle; result: Refreshed | RefreshRefused }> {
		const { verify, hash, clock, built = 0, limits, signal, refuseTimestamp } = this.#options;
		const before = await this.#store.status();
		const cycle = new UpdateCycle({
			...{ verify, hash, built, signal, refuseTimestamp, store: this.#store, mirrors: this.#metadata },
			...{ limits: { ...defaultClientLimits, ...limits }, clock: clock(), floor: before.floor },
		});
		try {
			await cycle.refresh();
		} catch (error) {
			if (!(error instanceof Refused)) throw error;
			await this.#keepRefusal(error.refusal);
			const time = cycle.time;
			return { cycle, result: { outcome: 'refused', refusal: error.refusal, ...(time === undefined ? {} : { time }) } };
		}
		const time = cycle.time as JudgedTime;
		const versions = versionsOf(cycle);
		await this.#keepSuccess(cycle, before, versions, time);
		const recovered = recoveries(before.lastRefresh?.versions ?? {}, versions);
		return { cycle, result: { outcome: 'refreshed', versions, rootsFollowed: cycle.rootsFollowed, time, recovered } };
	}

	async #keepSuccess(cycle: UpdateCycle, before: ClientStatus, versions: Versions, time: JudgedTime): Promise<void> {
		const { root, timestamp } = cycle.trusted;
		const floor = raisedFloor(before.floor, time.clock, root, timestamp as TimestampSigned);
		const old = before.lastRefresh;
		const same =
			JSON.stringify(old?.versions) === JSON.stringify(versions) &&
			(floor.clock ?? 0) - (before.floor.clock ?? 0) < writeGrain &&
			JSON.stringify(floor.signed) === JSON.stringify(before.floor.signed);
		if (same && before.lastRefusal === undefined) return;
		await this.#store.keepStatus({ format: 1, floor, lastRefresh: { at: time.clock, versions } });
	}

	async #keepRefusal(refusal: Refusal): Promise<void> {
		const status = await this.#store.status();
		const at = this.#options.clock();
		const last = status.lastRefusal;
		const again = last !== undefined && JSON.stringify(last.refusal) === JSON.stringify(refusal);
		if (again && Math.abs(at - last.at) < writeGrain) return;
		await this.#store.keepStatus({ ...status, lastRefusal: { at, refusal } });
	}

	async #downloadOne(cycle: UpdateCycle, mirrors: Mirrors, name: string, folder: string): Promise<TargetOutcome> {
		let found: FoundTarget | undefined;
		try {
			found = await cycle.find(name);
			const hashedNames = cycle.trusted.root.consistent_snapshot === true;
			const { signal, step } = this.#options;
			const options = { fetcher: this.#fetcher, mirrors, hashedNames, folder, signal };
			const { path, cached } = await downloadTarget(found, step === undefined ? options : { ...options, step });
			return { name, outcome: cached ? 'cached' : 'downloaded', path, found };
		} catch (error) {
			if (!(error instanceof Refused)) throw error;
			return { name, outcome: 'refused', refusal: error.refusal, ...(found === undefined ? {} : { found }) };
		}
	}
}

function versionsOf(cycle: UpdateCycle): Versions {
	const { root, timestamp, snapshot } = cycle.trusted;
	const versions: Record<string, number> = { root: root.version };
	if (timestamp !== undefined) versions.timestamp = timestamp.version;
	if (snapshot !== undefined) versions.snapshot = snapshot.version;
	const targets = cycle.trusted.targets();
	if (targets !== undefined) versions.targets = targets.version;
	return versions;
}

function recoveries(before: Versions, after: Versions): Recovery[] {
	return Object.entries(after).flatMap(([role, to]) => {
		const from = before[role] ?? 0;
		return from > to ? [{ code: 'fast-forward-recovered' as const, role, from, to }] : [];
	});
}

/** The file in which a state folder keeps the trusted root, for people who look. */
export function rootFile(folder: string): string {
	return join(folder, 'metadata', 'root.json');
}
