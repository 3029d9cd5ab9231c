// Full verification of an update on a device (Uptane 5.4.4.2): the director says what this device shall run, the image
// repository what is genuine, and both must agree before a byte of software is fetched. It decides the order of
// requests and what is kept when; the rules are in rules/director, TUF itself in trust-client.ts. It leaves out
// installing: what is returned is a list of verified files.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import { type Refusal, refusalMeanings } from '../rules/client/refusal.ts';
import type { Attack, OrderFinding } from '../rules/director/findings.ts';
import type { InstalledFile } from '../rules/director/manifest.ts';
import { orderFinding, sameHashes } from '../rules/director/match.ts';
import { deviceFinding, type Order, readOrders, type Self } from '../rules/director/orders.ts';
import type { TimestampSigned } from '../rules/metadata/model.ts';
import { makeFolder, sweep } from './durable-file.ts';
import { lockFolder } from './lock.ts';
import {
	type Consulted,
	initialiseState,
	readStatus,
	rootFile,
	TrustClient,
	type TrustClientOptions,
} from './trust-client.ts';
import type { ClientCrypto } from './update-cycle.ts';
import {
	hasUptaneState,
	keepUptaneState,
	loadUptaneState,
	newUptaneState,
	recordOf,
	type UptaneState,
	withRecord,
} from './uptane-state.ts';

export interface UptaneOptions extends Omit<TrustClientOptions, 'metadataUrls' | 'targetUrls'> {
	readonly self: Self;
	/** Base URLs of this device's metadata of the director, in order of preference. */
	readonly directorUrls: readonly string[];
	/** Base URLs of the image repository's metadata. */
	readonly imageUrls: readonly string[];
	/** Base URLs of the image repository's targets. */
	readonly targetUrls: readonly string[];
	/**
	 * How names begin of what may be installed: those that only an offline role of the image repository may list. Else who
	 * has the online keys of both repositories could list a file and order it. `['']`: every name.
	 */
	readonly installable: readonly string[];
	/** What becomes of the rest where one of several orders cannot be had; default: nothing is installed. */
	readonly incomplete?: 'refuse' | 'install-rest';
}

/** A file that may be installed. */
export interface VerifiedUpdate {
	readonly component: string;
	/** Name of the target. */
	readonly target: string;
	/** Where the verified file lies. */
	readonly path: string;
	readonly releaseCounter: number;
}

export type UpdateOutcome =
	| {
			readonly outcome: 'verified';
			/** What is to be installed; empty where everything is as ordered. */
			readonly updates: readonly VerifiedUpdate[];
			/** The components that run what is ordered for them. */
			readonly current: readonly string[];
			/** What is left out, with the policy install-rest. */
			readonly leftOut: readonly Attack[];
	  }
	| {
			readonly outcome: 'refused';
			readonly attack: Attack;
			/** When both repositories were verified last (milliseconds since 1970): how stale the device is; 0: never. */
			readonly verified: number;
	  };

/**
 * Begins with a root of each repository, which came by a way that is trusted. After a cut it is called again.
 * @throws TrustFailure; CaissonError trust-state-exists where it was done already
 */
export async function initialiseUptane(
	folder: string,
	roots: { readonly director: Uint8Array; readonly image: Uint8Array },
	crypto: ClientCrypto,
): Promise<void> {
	await makeFolder(folder);
	const unlock = await lockFolder(folder);
	try {
		if (await hasUptaneState(folder)) {
			throw new CaissonError('trust-state-exists', `${folder} holds trust in a director already.`);
		}
		for (const repository of ['director', 'image'] as const) {
			const held = await readFile(rootFile(join(folder, repository))).catch(() => undefined);
			if (held?.equals(roots[repository])) continue;
			await initialiseState(join(folder, repository), roots[repository], crypto);
		}
		await keepUptaneState(folder, newUptaneState);
	} finally {
		await unlock();
	}
}

/**
 * One cycle: refreshes both repositories, and brings what is ordered, genuine and meant for this device to files below
 * `downloads`. Everything that was learned is durable on return, a refusal too.
 * @throws CaissonError trust-state-missing, trust-state-busy, trust-client-failed, file-unusable
 */
export async function verifyUpdate(options: UptaneOptions, downloads: string): Promise<UpdateOutcome> {
	const { state: folder, step } = options;
	return withUptane(folder, async (state) => {
		const asked = await askDirector(options);
		if ('attack' in asked) return keepRefusal(folder, state, asked.attack, options);
		const judged = await askImageRepository(options, asked, state, downloads);
		if ('attack' in judged) return keepRefusal(folder, state, judged.attack, options);
		const { updates, current, leftOut, files } = judged;
		let next: UptaneState = { ...state, attack: leftOut[0] ?? null, verified: asked.now };
		for (const [component, file] of files)
			next = withRecord(next, component, { ...recordOf(next, component), pending: file });
		await keepUptaneState(folder, next, step);
		return { outcome: 'verified', updates, current, leftOut };
	});
}

/**
 * Records that the component runs what was verified for it: from now on no lower release counter is accepted.
 * @throws CaissonError trust-client-failed where nothing was verified for it
 */
export async function confirmInstalled(folder: string, component: string, step?: UptaneOptions['step']): Promise<void> {
	await withUptane(folder, async (state) => {
		const { pending, releaseCounter } = recordOf(state, component);
		if (pending === undefined) {
			throw new CaissonError(
				'trust-client-failed',
				`Nothing that was verified waits for ${JSON.stringify(component)}.`,
			);
		}
		const highest = Math.max(releaseCounter, pending.release_counter);
		await keepUptaneState(folder, withRecord(state, component, { installed: pending, releaseCounter: highest }), step);
	});
}

/** Runs `work` with the state, which no other process changes meanwhile. */
export async function withUptane<T>(folder: string, work: (state: UptaneState) => Promise<T>): Promise<T> {
	// Before the lock: a folder that is not there has no place for one.
	await loadUptaneState(folder);
	const unlock = await lockFolder(folder);
	try {
		await sweep(folder);
		return await work(await loadUptaneState(folder));
	} finally {
		await unlock();
	}
}

interface Asked {
	readonly orders: readonly Order[];
	/** Milliseconds since 1970: the earliest that it can be, by the clock and by what the director signed. */
	readonly now: number;
}

async function askDirector(options: UptaneOptions): Promise<Asked | { readonly attack: Attack }> {
	let foreign: OrderFinding | undefined;
	// Versions count for each device apart: what was signed for another one must not be kept, or its higher versions would
	// bar this device's own documents.
	const refuseTimestamp = (timestamp: TimestampSigned) => {
		foreign = deviceFinding(timestamp, options.self.device);
		return foreign?.detail;
	};
	const client = clientOf({ ...options, refuseTimestamp }, 'director', options.directorUrls);
	try {
		const result = await client.consult(async ({ targets }, { time }) => ({
			orders: readOrders(targets, options.self),
			now: time.now,
		}));
		if ('outcome' in result) return { attack: foreign ?? { ...result.refusal, repository: 'director' } };
		const { orders, now } = result;
		if ('code' in orders) return { attack: orders };
		const { floor } = await readStatus(join(options.state, 'director'));
		return { orders, now: Math.max(now, floor.signed?.at ?? 0) };
	} finally {
		client.close();
	}
}

interface Judged {
	readonly updates: readonly VerifiedUpdate[];
	readonly current: readonly string[];
	readonly leftOut: readonly Attack[];
	readonly files: readonly (readonly [component: string, file: InstalledFile])[];
}

async function askImageRepository(
	options: UptaneOptions,
	{ orders, now }: Asked,
	state: UptaneState,
	downloads: string,
): Promise<Judged | { readonly attack: Attack }> {
	// The floor under the clock that one repository gives holds for the other. It is not kept: a stolen key of the
	// director that pushed it ahead is undone by its rotation.
	const built = Math.max(options.built ?? 0, now);
	const client = clientOf({ ...options, built }, 'image', options.imageUrls);
	try {
		const result = await client.consult((image) => judgeOrders(options, orders, state, image, downloads));
		if ('outcome' in result) return { attack: { ...result.refusal, repository: 'image' } };
		return result;
	} finally {
		client.close();
	}
}

/** Everything is judged before anything is fetched. */
async function judgeOrders(
	{ self, installable, incomplete = 'refuse' }: UptaneOptions,
	orders: readonly Order[],
	state: UptaneState,
	image: Consulted,
	downloads: string,
): Promise<Judged | { readonly attack: Attack }> {
	const attacks: Attack[] = [];
	const due: Order[] = [];
	const current: string[] = [];
	for (const order of orders) {
		const attack = notInstallable(order, installable) ?? (await judgeOrder(order, self, state, image));
		if (attack !== undefined) attacks.push(attack);
		else if (isInstalled(order, state)) current.push(order.component);
		else due.push(order);
	}
	if (attacks[0] !== undefined && incomplete === 'refuse') return { attack: attacks[0] };
	const updates: VerifiedUpdate[] = [];
	const files: [string, InstalledFile][] = [];
	for (const order of due) {
		const { path, refusal } = await image.download(order.path, downloads);
		if (path === undefined || refusal !== undefined) {
			const attack = missing(order, refusal as Refusal, orders.length);
			if (incomplete === 'refuse') return { attack };
			attacks.push(attack);
			continue;
		}
		const { component, path: target, releaseCounter } = order;
		updates.push({ component, target, path, releaseCounter });
		files.push([component, installedFile(order)]);
	}
	return { updates, current, leftOut: attacks, files };
}

function notInstallable({ component, path }: Order, installable: readonly string[]): OrderFinding | undefined {
	if (installable.some((prefix) => path.startsWith(prefix))) return undefined;
	const detail = `the director orders ${JSON.stringify(path)}, and only ${installable.join(', ')} may be installed`;
	return { code: 'not-genuine', component, target: path, detail };
}

async function judgeOrder(order: Order, self: Self, state: UptaneState, image: Consulted): Promise<Attack | undefined> {
	const found = await image.find(order.path);
	if ('code' in found && found.code !== 'unknown-target') {
		return { ...found, repository: 'image' };
	}
	const component = self.components.find(({ id }) => id === order.component);
	// readOrders refuses orders for other components.
	if (component === undefined) throw new Error(`no component ${order.component}`);
	const { releaseCounter } = recordOf(state, component.id);
	return orderFinding(order, 'code' in found ? undefined : found.file, { ...component, releaseCounter });
}

/** One of several that cannot be had makes the whole incomplete; alone, it is the refusal itself. Attacks keep their name. */
function missing(order: Order, refusal: Refusal, ordered: number): Attack {
	if (ordered === 1 || refusalMeanings[refusal.code].attack) return { ...refusal, repository: 'image' };
	const finding: OrderFinding = {
		...{ code: 'incomplete', component: order.component, target: order.path },
		detail: `one of ${ordered} orders cannot be had: ${refusal.code}: ${refusal.detail}`,
	};
	return finding;
}

function isInstalled(order: Order, state: UptaneState): boolean {
	const { installed } = recordOf(state, order.component);
	return (
		installed !== undefined &&
		installed.path === order.path &&
		installed.length === order.length &&
		sameHashes(installed.hashes, order.hashes)
	);
}

function installedFile({ path, length, hashes, releaseCounter }: Order): InstalledFile {
	return { path, length, hashes, release_counter: releaseCounter };
}

async function keepRefusal(
	folder: string,
	state: UptaneState,
	attack: Attack,
	{ step }: UptaneOptions,
): Promise<UpdateOutcome> {
	const kept = { code: attack.code, detail: attack.detail };
	// A device that polls while it is refused writes nothing more.
	if (JSON.stringify(state.attack) !== JSON.stringify(kept)) {
		await keepUptaneState(folder, { ...state, attack: kept as UptaneState['attack'] }, step);
	}
	return { outcome: 'refused', attack, verified: state.verified };
}

function clientOf(
	options: UptaneOptions,
	repository: 'director' | 'image',
	metadataUrls: readonly string[],
): TrustClient {
	const { self, installable, directorUrls, imageUrls, incomplete, ...rest } = options;
	return new TrustClient({ ...rest, state: join(options.state, repository), metadataUrls });
}
