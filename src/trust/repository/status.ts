// What there is to know of the repository: each role with its version, its end and who signed it, what waits for whose
// signature, which changes wait, what expires soon. It only reads.

import { settingsOf } from '../publisher.ts';
import { type KeyFacts, keyFacts } from '../rules/ceremony/standing.ts';
import { expiryText } from '../rules/metadata/expiry.ts';
import type { Metadata, Signed } from '../rules/metadata/model.ts';
import { readMetadata } from '../rules/metadata/read.ts';
import { type Alarm, alarmsOf, expiriesOf } from '../rules/repository/alarms.ts';
import type { RepositorySettings, RoleKind } from '../rules/repository/settings.ts';
import { settle, type WaitingDocument } from '../rules/repository/settle.ts';
import { bodyOf, committedDocuments, pendingDocuments, type RepositoryWorld, repositorySettings } from './world.ts';

export interface RoleStatus {
	/** All bins of one delegation are one entry, whose name ends in `-*`. */
	readonly name: string;
	readonly kind: RoleKind;
	readonly delegator?: string;
	/** The server signs it. */
	readonly online: boolean;
	/** 0: there is no document yet. Of bins the highest. */
	readonly version: number;
	/** Of bins the earliest. */
	readonly expires?: string;
	readonly threshold: number;
	readonly keyids: readonly string[];
	/** The keys whose signatures are in the document. */
	readonly signed: readonly string[];
	/** How many bins the entry stands for. */
	readonly bins?: number;
}

export interface PendingStatus extends WaitingDocument {
	readonly expires: string;
	readonly started: string;
	readonly startedBy: string;
}

export interface RepositoryStatus {
	/** Documents of root and targets are committed. */
	readonly bootstrapped: boolean;
	readonly settings: RepositorySettings;
	/** The ids of the keys that this server has. */
	readonly onlineKeys: readonly string[];
	readonly roles: readonly RoleStatus[];
	readonly pending: readonly PendingStatus[];
	/** Facts of every key that the documents of people list, by id. */
	readonly keys: Readonly<Record<string, KeyFacts>>;
	/** Changes of targets that are not published. */
	readonly waiting: readonly { readonly role: string; readonly held: boolean; readonly count: number }[];
	readonly alarms: readonly (Omit<Alarm, 'expires'> & { readonly expires: string })[];
	/** Documents that are committed and not served yet. */
	readonly unserved: number;
}

const MOST_UNSERVED = 1_000;

export async function repositoryStatus(world: RepositoryWorld): Promise<RepositoryStatus> {
	const { trust } = world.storage;
	const settings = await repositorySettings(trust);
	const roles = await trust.roles();
	const shown: RoleStatus[] = [];
	const expiries = new Map(expiriesOf(roles, settingsOf).map((one) => [one.name, one]));
	const bins = new Map<string, RoleStatus>();
	for (const role of roles) {
		const { name, kind, delegator, version } = role;
		const { online, threshold, keyids } = settingsOf(role);
		const beneath = delegator === '' ? {} : { delegator };
		const common = { kind, ...beneath, online, threshold, keyids };
		if (kind !== 'bin') {
			const expires = expiries.get(name)?.expires;
			const signed = version === 0 ? [] : signersOf(kind, await bodyOf(trust, name));
			const end = expires === undefined ? {} : { expires: expiryText(expires) };
			shown.push({ name, ...common, version, ...end, signed });
			continue;
		}
		const together = name.replace(/-[0-9a-f]+$/, '-*');
		const before = bins.get(delegator);
		const expires = expiries.get(together)?.expires;
		bins.set(delegator, {
			...{ name: together, ...common, version: Math.max(version, before?.version ?? 0) },
			...(expires !== undefined && { expires: expiryText(expires) }),
			...{
				signed: version === 0 ? [] : keyids.filter((id) => world.onlineKeyids.has(id)),
				bins: (before?.bins ?? 0) + 1,
			},
		});
	}
	const order: readonly RoleKind[] = ['root', 'timestamp', 'snapshot', 'targets', 'delegated', 'bin'];
	return {
		bootstrapped: ['root', 'targets'].every((name) => shown.some((role) => role.name === name && role.version > 0)),
		settings,
		onlineKeys: [...world.onlineKeyids],
		roles: [...shown, ...bins.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)),
		pending: await pendingStatus(world),
		keys: await keysOf(world),
		waiting: await trust.waitingTargets(),
		alarms: alarmsOf([...expiries.values()], settings, world.now()).map((alarm) => ({
			...alarm,
			expires: expiryText(alarm.expires),
		})),
		unserved: (await trust.outbox(MOST_UNSERVED)).length,
	};
}

async function keysOf({ storage: { trust } }: RepositoryWorld): Promise<Record<string, KeyFacts>> {
	const { root, targets, delegated } = await committedDocuments(trust);
	const documents = [root, targets, ...delegated.values(), ...(await pendingDocuments(trust)).values()];
	return keyFacts(documents.flatMap((metadata) => (metadata === undefined ? [] : [{ role: '', metadata }])));
}

async function pendingStatus(world: RepositoryWorld): Promise<PendingStatus[]> {
	const { trust } = world.storage;
	const stored = new Map((await trust.pending()).map((one) => [one.role, one]));
	const pending = await pendingDocuments(trust);
	const { waiting } = settle(await committedDocuments(trust), pending, world);
	return waiting.map((one) => ({
		...one,
		expires: (pending.get(one.role) as Metadata<Signed>).signed.expires,
		started: expiryText(stored.get(one.role)?.started ?? 0),
		startedBy: stored.get(one.role)?.startedBy ?? '',
	}));
}

function signersOf(kind: RoleKind, body: Uint8Array): string[] {
	const type = kind === 'delegated' || kind === 'bin' ? 'targets' : kind;
	return readMetadata(type, body).signatures.map(({ keyid }) => keyid);
}
