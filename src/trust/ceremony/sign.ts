// Signing a document that was carried here: who may sign it, whether it is whole and wise, what is new in it, and the file with
// one signature more. What says whose keys count is given by the person (a root that is trusted) or lies beside the
// document. No network is used. It leaves out showing and asking (commands/sign.ts).

import { CaissonError } from '../../errors.ts';
import { checkDocuments } from '../rules/ceremony/checks.ts';
import { differencesOf } from '../rules/ceremony/differences.ts';
import { keyName } from '../rules/ceremony/key-entry.ts';
import { type Authority, authoritiesOf, type RoleCheck, uselessSignatures } from '../rules/ceremony/standing.ts';
import { canonicalText } from '../rules/metadata/canonical.ts';
import { quoted } from '../rules/metadata/failure.ts';
import { keyIdentity } from '../rules/metadata/keys.ts';
import { payloadToSign, serializeMetadata, withSignature } from '../rules/metadata/make.ts';
import type { Keys, Metadata, RootSigned, Signature, TargetsSigned, TrustKey } from '../rules/metadata/model.ts';
import { checkSignatures } from '../rules/metadata/threshold.ts';
import type { TrustSigner } from '../signer.ts';
import { type DocumentFile, documentsBeside, readDocument } from './documents.ts';
import { replaceFile } from './files.ts';
import type { CeremonyWorld } from './world.ts';

export interface SigningRequest {
	readonly file: string;
	/** The role of a delegated document whose file is not called after it. */
	readonly role?: string;
	/** A root, or for a delegated role the document that delegates to it, that this person trusts. */
	readonly trusted: readonly string[];
	/** The version before, where it does not lie beside. */
	readonly previous?: string;
}

export interface OpenDocument extends DocumentFile {
	/** Lower-case hex, over what is signed. */
	readonly digest: string;
	readonly payload: Uint8Array;
	readonly authorities: readonly Authority[];
	/** Files that say whose signatures count, and whether the person named them. */
	readonly from: readonly { readonly file: string; readonly given: boolean }[];
	/** What the differences are from; undefined where no earlier version is here. */
	readonly previous: DocumentFile | undefined;
	readonly differences: readonly string[];
	readonly warnings: readonly string[];
}

/**
 * Reads what is to be signed, and everything that says who may.
 * @throws CaissonError trust-role-unknown where no document tells whose keys count; trust-role-refused where it breaks a
 * rule or has expired; trust-signature-refused where it was changed after someone signed it
 */
export async function openDocument(request: SigningRequest, world: CeremonyWorld): Promise<OpenDocument> {
	const document = await readDocument(request.file, request.role);
	const given: DocumentFile[] = [];
	for (const file of request.trusted) given.push(await readDocument(file));
	const beside = await documentsBeside(request.file);
	const context = withoutOverridden(document, given, beside);
	const authorities = authoritiesOf(document, [...context, document]);
	requireAuthority(document, authorities);
	const payload = payloadToSign(document.metadata.signed);
	requireWhole(document, authorities, payload, world);
	const previous =
		request.previous === undefined
			? previousOf(document, context)
			: await readDocument(request.previous, document.role);
	if (previous !== undefined) requireFollows(document, previous);
	return {
		...document,
		...{ payload, authorities, previous },
		digest: world.sha256(payload),
		from: sourcesOf(document, authorities, given, context),
		differences: differencesOf(previous?.metadata.signed, document.metadata.signed),
		warnings: warningsOf(document, context, world),
	};
}

/**
 * What a person named is taken before what lies beside, which anybody may have put there: of a root that is to be signed,
 * its version; else every version of the role.
 */
function withoutOverridden(
	document: DocumentFile,
	given: readonly DocumentFile[],
	beside: readonly DocumentFile[],
): DocumentFile[] {
	const isOverridden = (other: DocumentFile) =>
		given.some(
			({ role, metadata }) =>
				role === other.role && (document.role !== 'root' || metadata.signed.version === other.metadata.signed.version),
		);
	return [...given, ...beside.filter((other) => !isOverridden(other))];
}

function requireAuthority({ file, role }: DocumentFile, authorities: readonly Authority[]): void {
	if (authorities.length > 0) return;
	const which = role === 'targets' ? 'the root' : 'the document that delegates to it';
	throw new CaissonError(
		'trust-role-unknown',
		`${file}: whose keys sign ${quoted(role)} is not known here. Name ${which} with --root, or put it beside.`,
	);
}

/** A signature that fits nothing means that somebody signed something else than what lies here. */
function requireWhole(
	{ file, metadata }: DocumentFile,
	authorities: readonly Authority[],
	payload: Uint8Array,
	{ verify }: CeremonyWorld,
): void {
	const [keyid] = uselessSignatures(metadata, authorities, payload, verify);
	if (keyid === undefined) return;
	const listed = authorities.find(({ role }) => role.keyids.includes(keyid));
	if (listed === undefined) {
		throw new CaissonError(
			'trust-signature-refused',
			`${file} carries a signature by the key ${quoted(keyid)}, which is none of this role.`,
		);
	}
	throw new CaissonError(
		'trust-signature-refused',
		`${file}: the signature by ${keyName(keyid, listed.keys)} does not verify. The document was changed after it was signed.`,
	);
}

function previousOf({ role, metadata }: DocumentFile, context: readonly DocumentFile[]): DocumentFile | undefined {
	const earlier = context.filter(
		(other) => other.role === role && other.metadata.signed.version < metadata.signed.version,
	);
	return earlier.sort((a, b) => b.metadata.signed.version - a.metadata.signed.version)[0];
}

function requireFollows(document: DocumentFile, previous: DocumentFile): void {
	if (previous.role === document.role && previous.metadata.signed.version < document.metadata.signed.version) return;
	throw new CaissonError(
		'usage-wrong',
		`${previous.file} is no earlier version of ${quoted(document.role)} than ${document.file}.`,
	);
}

function sourcesOf(
	document: DocumentFile,
	authorities: readonly Authority[],
	given: readonly DocumentFile[],
	context: readonly DocumentFile[],
) {
	const named = new Set(authorities.map(({ by }) => by));
	return context
		.filter(({ role, metadata }) => named.has(`${role} version ${metadata.signed.version}`))
		.filter(({ file }) => file !== document.file)
		.map((each) => ({ file: each.file, given: given.includes(each) }));
}

/** @throws CaissonError trust-role-refused */
function warningsOf(document: DocumentFile, context: readonly DocumentFile[], world: CeremonyWorld): string[] {
	const { signed } = document.metadata;
	const roots = context.filter(({ role }) => role === 'root').sort(byVersion);
	const standing = roots.at(-1)?.metadata.signed as RootSigned | undefined;
	// The root is judged where it is signed, not with every document below it.
	const judged =
		signed._type === 'root'
			? { root: signed, targets: new Map<string, TargetsSigned>() }
			: {
					...(standing && { standing }),
					targets: new Map(signed._type === 'targets' ? [[document.role, signed]] : []),
				};
	const { faults, warnings } = checkDocuments(judged, world.now());
	if (faults.length > 0) throw new CaissonError('trust-role-refused', `${document.file}: ${faults.join(' ')}`);
	const notes = [...warnings];
	if (
		signed._type === 'root' &&
		signed.version > 1 &&
		!roots.some((each) => each.metadata.signed.version === signed.version - 1)
	) {
		notes.push(`Root version ${signed.version - 1} is not here: its keys must sign too, and cannot be told.`);
	}
	return notes;
}

const byVersion = (a: DocumentFile, b: DocumentFile) => a.metadata.signed.version - b.metadata.signed.version;

/** Who has signed and who may, for each set of keys that must. */
export function checksOf({ metadata, authorities, payload }: OpenDocument, { verify }: CeremonyWorld): RoleCheck[] {
	return authorities.map(({ by, keys, role }) => ({ ...checkSignatures(keys, role, metadata, verify, payload), by }));
}

export interface SignedDocument {
	readonly metadata: Metadata;
	readonly keyid: string;
	readonly label: string;
	/** False where the key had signed before: nothing changed. */
	readonly added: boolean;
}

/**
 * Adds the signature of a key that the role names, by the new root or by the old one.
 * @throws CaissonError trust-signature-refused for another key; what signing throws
 */
export async function signDocument(document: OpenDocument, signer: TrustSigner): Promise<SignedDocument> {
	const { keyid, keys } = listedAs(document, signer);
	const label = keyName(keyid, keys);
	const { metadata } = document;
	// Every signature that is there was verified when the document was opened.
	if (metadata.signatures.some((signature) => signature.keyid === keyid)) {
		return { metadata, keyid, label, added: false };
	}
	const sig = Buffer.from(await signer.sign(document.payload)).toString('hex');
	return { metadata: withSignature(metadata, { keyid, sig }), keyid, label, added: true };
}

/** The id under which the role lists the key: a document may use other ids than ours (TAP 12). */
function listedAs({ role, file, authorities }: OpenDocument, signer: TrustSigner): { keyid: string; keys: Keys } {
	const identity = keyIdentity(signer.key);
	for (const { keys, role: named } of authorities) {
		const keyid = named.keyids.find((id) => {
			const key: TrustKey | undefined = Object.hasOwn(keys, id) ? keys[id] : undefined;
			return key !== undefined && keyIdentity(key) === identity;
		});
		if (keyid !== undefined) return { keyid, keys };
	}
	const names = [
		...new Set(authorities.flatMap(({ keys, role: named }) => named.keyids.map((id) => keyName(id, keys)))),
	];
	throw new CaissonError(
		'trust-signature-refused',
		`The key ${signer.name} (${signer.keyid.slice(0, 16)}) is none of ${quoted(role)} in ${file}: ${names.join(', ')} may sign it.`,
	);
}

/** Writes the document with its signatures, in place of what is there, in one step. @throws CaissonError file-unusable */
export async function writeSigned(file: string, metadata: Metadata): Promise<void> {
	await replaceFile(file, serializeMetadata(metadata));
}

/**
 * Two copies of one document, with the signatures of both.
 * @throws CaissonError trust-signature-refused where they are not copies of one document
 */
export function mergeSignatures(first: OpenDocument, others: readonly OpenDocument[]): Metadata {
	let merged: Metadata = first.metadata;
	const had = new Set(merged.signatures.map(({ keyid }) => keyid));
	for (const other of others) {
		if (canonicalText(other.metadata.signed) !== canonicalText(first.metadata.signed)) {
			throw new CaissonError(
				'trust-signature-refused',
				`${first.file} and ${other.file} are not copies of one document: the SHA-256 of what is signed differs ` +
					`(${first.digest.slice(0, 16)}, ${other.digest.slice(0, 16)}).`,
			);
		}
		// Both were verified; a second signature by the same key says the same.
		const fresh: readonly Signature[] = other.metadata.signatures.filter(({ keyid }) => !had.has(keyid));
		for (const signature of fresh) {
			had.add(signature.keyid);
			merged = withSignature(merged, signature);
		}
	}
	return merged;
}
