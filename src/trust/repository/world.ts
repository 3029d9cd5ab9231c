// The state of the repository as its steps read it: settings, the documents that people signed, those that wait for
// signatures. It leaves out what is done with it.

import type { AuditRow } from '../../audit/store.ts';
import { CaissonError } from '../../errors.ts';
import { type Publisher, settingsOf } from '../publisher.ts';
import { canonicalText } from '../rules/metadata/canonical.ts';
import { quoted } from '../rules/metadata/failure.ts';
import { serializeMetadata } from '../rules/metadata/make.ts';
import type { HashBytes, Metadata, RootSigned, Sha256, Signed, TargetsSigned } from '../rules/metadata/model.ts';
import { readMetadata } from '../rules/metadata/read.ts';
import { checkSettings, defaultSettings, type RepositorySettings } from '../rules/repository/settings.ts';
import type { CommittedDocuments, SettleWorld } from '../rules/repository/settle.ts';
import type { PendingDocument, TrustReader, TrustStorage, TrustUnit } from '../store.ts';

export interface RepositoryWorld extends SettleWorld {
	readonly storage: TrustStorage;
	readonly publisher: Publisher;
	readonly sha256: Sha256;
	readonly hash: HashBytes;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
}

const settingsName = 'repository';

export async function repositorySettings(trust: TrustReader): Promise<RepositorySettings> {
	const text = await trust.setting(settingsName);
	return text === undefined ? defaultSettings : (JSON.parse(text) as RepositorySettings);
}

/**
 * Changes settings. The bins stay as they are once targets has a document.
 * @throws CaissonError request-invalid
 */
export async function changeSettings(world: RepositoryWorld, settings: RepositorySettings, by: string): Promise<void> {
	checkSettings(settings);
	await world.storage.commitTrust(async (unit) => {
		const before = await repositorySettings(unit.trust);
		const fixed = ((await unit.trust.role('targets'))?.version ?? 0) > 0;
		if (fixed && canonicalText({ ...before.bins }) !== canonicalText({ ...settings.bins })) {
			throw new CaissonError('request-invalid', 'bins: they cannot change once targets is signed');
		}
		await unit.trust.putSetting(settingsName, JSON.stringify(settings));
		await unit.audit.append(auditRow(world, by, 'trust.settings', 'repository', { settings }));
	});
}

/** The committed documents that people sign. */
export async function committedDocuments(trust: TrustReader): Promise<CommittedDocuments> {
	const delegated = new Map<string, Metadata<TargetsSigned>>();
	let root: Metadata<RootSigned> | undefined;
	let targets: Metadata<TargetsSigned> | undefined;
	for (const role of await trust.roles()) {
		if (role.version === 0 || role.kind === 'bin') continue;
		if (role.kind === 'root') root = readMetadata('root', await bodyOf(trust, role.name));
		// An online targets says what it delegates as well.
		else if (role.kind === 'targets') targets = readMetadata('targets', await bodyOf(trust, role.name));
		else if (role.kind === 'delegated' && !settingsOf(role).online) {
			delegated.set(role.name, readMetadata('targets', await bodyOf(trust, role.name)));
		}
	}
	return { ...(root && { root }), ...(targets && { targets }), delegated };
}

export async function bodyOf(trust: TrustReader, role: string): Promise<Uint8Array> {
	const document = await trust.document(role);
	if (document === undefined) throw new CaissonError('internal', `the role ${role} has lost its document`);
	return new TextEncoder().encode(document.body);
}

export async function pendingDocuments(trust: TrustReader): Promise<Map<string, Metadata<Signed>>> {
	const pending = new Map<string, Metadata<Signed>>();
	for (const { role, body } of await trust.pending()) pending.set(role, readPending(role, body));
	return pending;
}

export function readPending(role: string, body: string): Metadata<Signed> {
	return readMetadata(role === 'root' ? 'root' : 'targets', new TextEncoder().encode(body));
}

export async function pendingOf(trust: TrustReader, role: string): Promise<PendingDocument> {
	const pending = (await trust.pending()).find((one) => one.role === role);
	if (pending !== undefined) return pending;
	throw new CaissonError('trust-pending-unknown', `no signatures are being collected for ${quoted(role)}`);
}

export async function keepPending(
	world: RepositoryWorld,
	{ trust }: TrustUnit,
	role: string,
	metadata: Metadata<Signed>,
	before: PendingDocument | undefined,
	by: string,
): Promise<void> {
	const body = new TextDecoder().decode(serializeMetadata(metadata));
	const { started, startedBy } = before ?? { started: world.now(), startedBy: by };
	await trust.putPending({ role, version: metadata.signed.version, body, started, startedBy });
}

export function auditRow(
	world: RepositoryWorld,
	actor: string,
	action: string,
	subject: string,
	detail: Record<string, unknown>,
): AuditRow {
	return { time: world.now(), actor, action, subject, detail };
}
