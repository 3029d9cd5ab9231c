// Documents of roles that people sign: offered from elsewhere, whole or signature by signature, or prepared here for them
// to sign. Each step is one unit of work with its audit row; what is complete after it is committed with it, and then
// published. What may be committed is decided in rules/repository/settle.ts.

import { CaissonError } from '../../errors.ts';
import { unfinished } from '../outbox.ts';
import { type Published, settingsOf } from '../publisher.ts';
import { canonicalText, jsonOfCanonical } from '../rules/metadata/canonical.ts';
import { expiryText, expiryTime } from '../rules/metadata/expiry.ts';
import { quoted } from '../rules/metadata/failure.ts';
import { makeTargets, nextVersion, serializeMetadata, unsigned, withSignature } from '../rules/metadata/make.ts';
import type { Metadata, Signature, Signed, TargetFile, TargetsSigned } from '../rules/metadata/model.ts';
import { readMetadata } from '../rules/metadata/read.ts';
import { expiryOf } from '../rules/repository/online.ts';
import { type DerivedRole, deriveRoles } from '../rules/repository/role-settings.ts';
import type { RepositorySettings } from '../rules/repository/settings.ts';
import { type Settled, settle } from '../rules/repository/settle.ts';
import type { NewDocument, TrustReader, TrustUnit } from '../store.ts';
import { checkOffer, notOnline, requireSigner } from './offer-check.ts';
import {
	auditRow,
	bodyOf,
	committedDocuments,
	keepPending,
	pendingDocuments,
	pendingOf,
	type RepositoryWorld,
	readPending,
	repositorySettings,
} from './world.ts';

/** What became of an offered document or signature. */
export interface Offered extends Pick<Settled, 'waiting'> {
	/** Roles whose documents were committed by it. */
	readonly committed: readonly string[];
	readonly published?: Published;
	/** Why what was committed is not served yet; the server tries again by itself. */
	readonly unpublished?: string;
}

/**
 * Takes a document of root, targets or another role that people sign: the next version of it, with all or some of its
 * signatures. What is complete is committed and published, the rest is kept until the other signatures come.
 * @throws CaissonError trust-not-bootstrapped, trust-role-unknown, trust-version-refused, trust-role-refused,
 * trust-expired, trust-signature-refused, trust-pending-exists; TrustFailure trust-metadata-malformed
 */
export async function offerDocument(
	world: RepositoryWorld,
	role: string,
	bytes: Uint8Array,
	by: string,
): Promise<Offered> {
	const metadata: Metadata<Signed> = readMetadata(role === 'root' ? 'root' : 'targets', bytes);
	return await change(world, by, async (unit) => {
		const waiting = (await unit.trust.pending()).find((one) => one.role === role);
		const waited = waiting && readPending(role, waiting.body);
		// The empty first version that the server proposed gives way to the one that a ceremony made.
		const proposed = waiting?.startedBy === proposedBy && waited?.signatures.length === 0;
		const [pending, before] = proposed ? [] : [waiting, waited];
		const same = before !== undefined && canonicalText(before.signed) === canonicalText(metadata.signed);
		if (before !== undefined && !same) {
			const which = `version ${before.signed.version} of ${quoted(role)}`;
			throw new CaissonError('trust-pending-exists', `signatures for another ${which} are being collected`);
		}
		await checkOffer(world, unit.trust, role, metadata);
		const merged = metadata.signatures.reduce(withSignature, before ?? unsigned(metadata.signed));
		await requireSigner(unit.trust, role, merged);
		await keepPending(world, unit, role, merged, pending, by);
		const signers = metadata.signatures.map(({ keyid }) => keyid);
		await unit.audit.append(auditRow(world, by, 'trust.offer', role, { version: metadata.signed.version, signers }));
	});
}

/**
 * Adds one signature to the document that waits for it.
 * @throws CaissonError trust-pending-unknown, trust-signature-refused
 */
export async function addSignature(
	world: RepositoryWorld,
	role: string,
	signature: Signature,
	by: string,
): Promise<Offered> {
	return await change(world, by, async (unit) => {
		const pending = await pendingOf(unit.trust, role);
		const merged = withSignature(readPending(role, pending.body), signature);
		await checkOffer(world, unit.trust, role, { ...merged, signatures: [signature] });
		await keepPending(world, unit, role, merged, pending, by);
		await unit.audit.append(
			auditRow(world, by, 'trust.sign', role, { version: pending.version, keyid: signature.keyid }),
		);
	});
}

/** Gives up the version that signatures are collected for. @throws CaissonError trust-pending-unknown */
export async function abortPending(world: RepositoryWorld, role: string, by: string): Promise<void> {
	await world.storage.commitTrust(async (unit) => {
		const { version } = await pendingOf(unit.trust, role);
		await unit.trust.removePending(role);
		await unit.audit.append(auditRow(world, by, 'trust.abort', role, { version }));
	});
}

/**
 * Prepares the next version of a role that people sign, with the targets that are wanted of it and not held back.
 * @param expires milliseconds since the epoch; by default what the settings say
 * @throws CaissonError trust-role-unknown, trust-pending-exists
 */
export async function prepareRole(
	world: RepositoryWorld,
	role: string,
	by: string,
	expires?: number,
): Promise<Metadata<TargetsSigned>> {
	return await world.storage.commitTrust(async (unit) => {
		const { trust } = unit;
		const stored = await trust.role(role);
		const offline = stored !== undefined && (stored.kind === 'targets' || stored.kind === 'delegated');
		if (!offline || settingsOf(stored).online) {
			throw new CaissonError('trust-role-unknown', `${quoted(role)} is no role whose targets people sign`);
		}
		if ((await trust.pending()).some((one) => one.role === role)) {
			throw new CaissonError('trust-pending-exists', `signatures for ${quoted(role)} are being collected already`);
		}
		const settings = await repositorySettings(trust);
		const fields = {
			targets: await wantedTargets(trust, role),
			expires: expiryText(expires ?? expiryOf(stored.kind, settings, world.now())),
		};
		const last = stored.version === 0 ? undefined : readMetadata('targets', await bodyOf(trust, role));
		const signed = last === undefined ? makeTargets({ version: 1, ...fields }) : nextVersion(last.signed, fields);
		const metadata = unsigned(signed);
		await keepPending(world, unit, role, metadata, undefined, by);
		await unit.audit.append(auditRow(world, by, 'trust.prepare', role, { version: signed.version }));
		return metadata;
	});
}

// Roles that people sign are read by people: what they cannot look through belongs into bins.
const MOST_OFFLINE_TARGETS = 100_000;

async function wantedTargets(trust: TrustReader, role: string): Promise<Record<string, TargetFile>> {
	const rows = await trust.targets({ role }, '', MOST_OFFLINE_TARGETS + 1);
	if (rows.length > MOST_OFFLINE_TARGETS) {
		throw new CaissonError('request-invalid', `${quoted(role)} has more than ${MOST_OFFLINE_TARGETS} targets`);
	}
	const targets: Record<string, TargetFile> = Object.create(null);
	for (const { path, wanted, published, held } of rows) {
		const body = held ? published : wanted;
		if (body !== null) targets[path] = JSON.parse(jsonOfCanonical(body)) as TargetFile;
	}
	return targets;
}

/** One change of what is pending, and everything that follows from it. */
async function change(world: RepositoryWorld, by: string, step: (unit: TrustUnit) => Promise<void>): Promise<Offered> {
	const { commit, waiting } = await world.storage.commitTrust(async (unit) => {
		await step(unit);
		return await commitSettled(world, unit);
	});
	if (commit.length === 0) return { committed: commit, waiting };
	try {
		const published = await world.publisher.publish(by);
		return { committed: commit, waiting, ...(published && { published }) };
	} catch (error) {
		// It is committed: who offers it again would be told that its version is taken.
		if (!(error instanceof CaissonError)) throw error;
		return { committed: commit, waiting, unpublished: error.message };
	}
}

async function commitSettled(world: RepositoryWorld, unit: TrustUnit): Promise<Settled> {
	const { trust } = unit;
	const committed = await committedDocuments(trust);
	const pending = await pendingDocuments(trust);
	const settled = settle(committed, pending, world);
	if (settled.commit.length === 0 || settled.documents === undefined) return settled;
	const settings = await repositorySettings(trust);
	const derived = deriveRoles(settled.documents, settings, world.onlineKeyids);
	requireOnline(derived);
	const keysChanged = await putDerivedRoles(trust, derived);
	const documents = settled.commit.map((role) => newDocument(world, role, pending.get(role) as Metadata<Signed>));
	await trust.putDocuments(documents);
	for (const role of settled.commit) await trust.removePending(role);
	const open = (await trust.setting(unfinished)) ?? '';
	await trust.putSetting(unfinished, keysChanged || open === 'all' ? 'all' : 'some');
	await prepareFirstVersions(world, unit, derived, settings);
	return settled;
}

/** Stores the roles that the documents now say there are. @returns whether one that the server signs has other keys */
async function putDerivedRoles(trust: TrustUnit['trust'], derived: readonly DerivedRole[]): Promise<boolean> {
	const before = new Map((await trust.roles()).map((role) => [role.name, role]));
	const names = new Set(derived.map(({ name }) => name));
	await trust.removeRoles([...before.keys()].filter((name) => !names.has(name)));
	await trust.putRoles(derived.map(({ settings, ...role }) => ({ ...role, settings: JSON.stringify(settings) })));
	return derived.some(({ name, settings }) => {
		const old = before.get(name);
		return settings.online && old !== undefined && old.version > 0 && old.settings !== JSON.stringify(settings);
	});
}

function newDocument(world: RepositoryWorld, role: string, metadata: Metadata<Signed>): NewDocument {
	const bytes = serializeMetadata(metadata);
	const { signed } = metadata;
	const targets = signed._type === 'targets' ? signed.targets : {};
	return {
		...{ role, version: signed.version, committed: world.now(), expires: expiryTime(signed.expires) ?? 0 },
		...{ body: new TextDecoder().decode(bytes), length: bytes.length, sha256: world.sha256(bytes), built: 0 },
		listed: Object.keys(targets).map((path) => ({ path, body: canonicalText(targets[path]) })),
	};
}

/** Who started a document that nobody asked for. */
const proposedBy = 'caisson';

/** Roles that people sign and that have no document yet get an empty one to sign: without it nothing can be served. */
async function prepareFirstVersions(
	world: RepositoryWorld,
	unit: TrustUnit,
	derived: readonly DerivedRole[],
	settings: RepositorySettings,
): Promise<void> {
	const pending = new Set((await unit.trust.pending()).map(({ role }) => role));
	for (const { name, kind, settings: own } of derived) {
		if (kind !== 'delegated' || own.online || pending.has(name)) continue;
		if (((await unit.trust.role(name))?.version ?? 0) > 0) continue;
		const expires = expiryText(expiryOf(kind, settings, world.now()));
		const metadata = unsigned(makeTargets({ version: 1, expires, targets: {} }));
		await keepPending(world, unit, name, metadata, undefined, proposedBy);
	}
}

/** A root that takes the server's keys away from what it must sign each week would end the repository. */
export function requireOnline(derived: readonly DerivedRole[]): void {
	for (const { name, kind, settings } of derived) {
		if ((kind === 'timestamp' || kind === 'snapshot' || kind === 'bin') && !settings.online) {
			throw notOnline(name, settings);
		}
	}
}
