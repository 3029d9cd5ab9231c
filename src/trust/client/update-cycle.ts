// One cycle of the client workflow, clause 5 of the specification: which file is fetched next, from where, how much of it, and
// when it is kept. What is trusted is decided by the trusted set (rules/client/trusted-set.ts), which cites each clause.
// It leaves out downloads (target-download.ts) and what is reported (trust-client.ts).

import { Refused, refusedBy } from '../rules/client/refusal.ts';
import type { JudgedTime, TimeFloor } from '../rules/client/time-floor.ts';
import { judgeTime } from '../rules/client/time-floor.ts';
import { TrustedSet } from '../rules/client/trusted-set.ts';
import { type FoundTarget, searchTarget } from '../rules/metadata/delegation.ts';
import { isExpired } from '../rules/metadata/expiry.ts';
import { TrustFailure } from '../rules/metadata/failure.ts';
import { metadataFileName } from '../rules/metadata/file-names.ts';
import type { HashBytes, MetaFile, TargetsSigned, TimestampSigned, VerifySignature } from '../rules/metadata/model.ts';
import { FetchFailure } from './fetcher.ts';
import type { ClientLimits } from './limits.ts';
import { type Mirrors, nobodyHas } from './mirrors.ts';
import { type StateStore, trustedRoot } from './state-store.ts';

/** Signatures and hashes: src/outside/signer/trust-verify.ts. */
export interface ClientCrypto {
	readonly verify: VerifySignature;
	/** Knows sha256 at least. */
	readonly hash: HashBytes;
}

export interface CycleOptions extends ClientCrypto {
	readonly store: StateStore;
	readonly mirrors: Mirrors;
	readonly limits: ClientLimits;
	/** The device's clock at the start of the cycle (clause 5.1): milliseconds since 1970. */
	readonly clock: number;
	/** When the device's image was built; 0 where that is not known. */
	readonly built: number;
	readonly floor: TimeFloor;
	readonly signal?: AbortSignal | undefined;
	/** Refuses a timestamp that is signed but not meant for this device, before it is kept: a sentence, or undefined. */
	readonly refuseTimestamp?: ((timestamp: TimestampSigned) => string | undefined) | undefined;
}

export class UpdateCycle {
	readonly #options: CycleOptions;
	readonly #trustTime: { now: number; readonly verify: VerifySignature; readonly hash: HashBytes };
	#trusted: TrustedSet | undefined;
	#time: JudgedTime | undefined;
	/** Roots that this cycle followed. */
	rootsFollowed = 0;

	constructor(options: CycleOptions) {
		this.#options = options;
		this.#trustTime = { now: options.clock, verify: options.verify, hash: options.hash };
	}

	/** @throws Error before the root was loaded */
	get trusted(): TrustedSet {
		if (this.#trusted === undefined) throw new Error('the cycle has not begun');
		return this.#trusted;
	}

	/** Undefined until the root chain was followed. */
	get time(): JudgedTime | undefined {
		return this.#time;
	}

	/**
	 * Clauses 5.2 to 5.6.6: root, timestamp, snapshot and top-level targets are current and kept on return.
	 * @throws Refused; CaissonError where the state cannot be read or written
	 */
	async refresh(): Promise<void> {
		// 5.2
		const bytes = await trustedRoot(this.#options.store);
		this.#trusted = judged('root', () => new TrustedSet(bytes, this.#trustTime));
		await this.#followRoots();
		this.#time = judgeTime(this.#options.clock, this.#options.built, this.#options.floor, this.trusted.root);
		this.#trustTime.now = this.#time.now;
		this.#refuseExpiredRoot();
		await this.#updateTimestamp();
		await this.#updateSnapshot();
		await this.#targets('targets', 'root');
		await this.#forgetVanishedRoles();
	}

	/**
	 * Clause 5.6.7: the search for a target, after refresh(). Roles on its way are fetched and kept.
	 * @throws Refused, unknown-target among others; CaissonError where the state cannot be written
	 */
	async find(path: string): Promise<FoundTarget> {
		const sha256 = (bytes: Uint8Array) => this.#options.hash('sha256', bytes) as string;
		const search = searchTarget(path, this.#options.limits.roles, sha256);
		try {
			let step = search.next();
			while (!step.done) step = search.next(await this.#targets(step.value.role, step.value.delegator));
			return step.value;
		} catch (error) {
			const refused = refusedBy(error);
			if (refused === undefined) throw error;
			throw new Refused({ ...refused.refusal, target: path }, { cause: error });
		}
	}

	/** 5.3.2 to 5.3.9. Each root is kept before the next is asked for, so an interruption loses nothing. */
	async #followRoots(): Promise<void> {
		const { limits, store } = this.#options;
		await this.#finishForgetting();
		while (this.rootsFollowed < limits.roots) {
			const next = this.trusted.root.version + 1;
			const bytes = await this.#nextRoot(next);
			if (bytes === undefined) return;
			// 5.3.11. The mark makes forgetting and the new root one step: a cut between them is finished at the next start.
			const forget = this.trusted.mustForgetTimestampAndSnapshot;
			if (forget) await store.keepStatus({ ...(await store.status()), forgetWithRoot: next });
			await store.keep('root', bytes);
			this.rootsFollowed++;
			if (forget) await this.#finishForgetting();
		}
	}

	async #finishForgetting(): Promise<void> {
		const { store } = this.#options;
		const { forgetWithRoot, ...status } = await store.status();
		if (forgetWithRoot === undefined || this.trusted.root.version < forgetWithRoot) return;
		await store.forget('timestamp');
		await store.forget('snapshot');
		await store.keepStatus(status);
	}

	/** 5.3.3: undefined where there is no newer root. */
	async #nextRoot(version: number): Promise<Uint8Array | undefined> {
		const before = this.trusted.root.version;
		try {
			return await this.#fetch('root', version, this.#options.limits.root, (bytes) => {
				try {
					this.trusted.updateRoot(bytes);
				} catch (error) {
					// 5.3.5: a root of the version that is trusted already is discarded, and the cycle goes on.
					if (isSameRoot(error, before))
						throw new FetchFailure('absent', 'it has the trusted root in place of the next');
					throw error;
				}
				return bytes;
			});
		} catch (error) {
			if (nobodyHas(error)) return undefined;
			throw error;
		}
	}

	/** 5.3.10, before anything else is fetched. */
	#refuseExpiredRoot(): void {
		const { root } = this.trusted;
		if (!isExpired(root, this.#trustTime.now)) return;
		throw new Refused({
			code: 'freeze',
			role: 'root',
			detail: `the root expired at ${root.expires}, and no mirror has a newer one`,
		});
	}

	/** 5.4 */
	async #updateTimestamp(): Promise<void> {
		const { limits, store } = this.#options;
		await this.#tryStored('timestamp', (bytes) => this.trusted.loadStoredTimestamp(bytes));
		const updated = await this.#fetch('timestamp', undefined, limits.timestamp, (bytes) => {
			const outcome = this.trusted.updateTimestamp(bytes, (timestamp) => {
				const detail = this.#options.refuseTimestamp?.(timestamp);
				if (detail !== undefined) throw new Refused({ code: 'mix-and-match', role: 'timestamp', detail });
			});
			return outcome === 'unchanged' ? undefined : bytes;
		});
		if (updated !== undefined) await store.keep('timestamp', updated);
	}

	/** 5.5 */
	async #updateSnapshot(): Promise<void> {
		const { limits, store } = this.#options;
		if (await this.#tryStored('snapshot', (bytes) => this.trusted.loadStoredSnapshot(bytes))) return;
		const meta = this.trusted.timestamp?.meta['snapshot.json'] as MetaFile;
		const bytes = await this.#fetch('snapshot', this.#named(meta), cap(meta, limits.snapshot), (bytes) => {
			this.trusted.updateSnapshot(bytes);
			return bytes;
		});
		await store.keep('snapshot', bytes);
	}

	/** 5.6.1 to 5.6.6, for the top-level role and for delegated ones. */
	async #targets(role: string, delegator: string): Promise<TargetsSigned> {
		const { limits, store } = this.#options;
		const held = judged(role, () => this.trusted.targets(role, delegator));
		if (held !== undefined) return held;
		const stored = await this.#tryStored(role, (bytes) => this.trusted.updateTargets(bytes, role, delegator));
		if (stored !== undefined) return stored;
		const meta = judged(role, () => this.trusted.targetsMeta(role));
		const fetched = await this.#fetch(role, this.#named(meta), cap(meta, limits.targets), (bytes) => ({
			signed: this.trusted.updateTargets(bytes, role, delegator),
			bytes,
		}));
		await store.keep(role, fetched.bytes);
		return fetched.signed;
	}

	/** The version in the file's name, where snapshots are consistent (5.3.12, 6.2). */
	#named(meta: MetaFile): number | undefined {
		return this.trusted.root.consistent_snapshot === true ? meta.version : undefined;
	}

	/** What was stored, where it may still be trusted. What may not is as if it were not there. */
	async #tryStored<T>(role: string, load: (bytes: Uint8Array) => T): Promise<T | undefined> {
		const bytes = await this.#options.store.load(role);
		if (bytes === undefined) return undefined;
		try {
			return load(bytes);
		} catch (error) {
			if (error instanceof TrustFailure) return undefined;
			throw error;
		}
	}

	async #fetch<T>(
		role: string,
		version: number | undefined,
		maximum: number,
		accept: (bytes: Uint8Array) => T,
	): Promise<T> {
		const { mirrors, limits, signal } = this.#options;
		const ask = { maximum, deadline: limits.deadline, signal };
		return mirrors.bytes(metadataFileName(role, version), ask, { role }, accept);
	}

	/** Delegated roles that the snapshot no longer lists (only a rotation of its keys allows that) take no space. */
	async #forgetVanishedRoles(): Promise<void> {
		const listed = Object.keys(this.trusted.snapshot?.meta ?? {}).map((file) => file.replace(/\.json$/, ''));
		await this.#options.store.keepOnly(['root', 'timestamp', 'snapshot', ...listed]);
	}
}

function cap(meta: MetaFile, limit: number): number {
	return Math.min(meta.length ?? limit, limit);
}

function isSameRoot(error: unknown, version: number): boolean {
	return error instanceof TrustFailure && error.code === 'trust-rollback' && error.detail.offeredVersion === version;
}

/** What the trusted set says of a document, as a refusal. */
function judged<T>(role: string, judge: () => T): T {
	try {
		return judge();
	} catch (error) {
		throw refusedBy(error, role) ?? error;
	}
}
