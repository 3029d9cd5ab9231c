// Making documents: the signed part of each role, the bytes that are signed, signatures put in place, the bytes of the
// file. It leaves out which version and expiry a role gets, and who signs (rules/repository).
//
// The next version of a document is made from the last one, so that fields which Caisson does not know stay.

import { canonicalJson } from './canonical.ts';
import { TrustFailure } from './failure.ts';
import type {
	Delegations,
	HashBytes,
	Keys,
	Metadata,
	MetadataType,
	MetaFile,
	RootSigned,
	Signature,
	Signed,
	SnapshotSigned,
	TargetFile,
	TargetsSigned,
	TimestampSigned,
} from './model.ts';
import { checkSigned } from './read.ts';

/** The version of the specification that documents made here name; python-tuf 5.1 and tuf-js name the same. */
export const specVersion = '1.0.31';

interface Dated {
	readonly version: number;
	/** YYYY-MM-DDTHH:MM:SSZ; expiryText makes it. */
	readonly expires: string;
}

/** @throws TrustFailure trust-metadata-malformed, as all of these do, where the document would break a rule of reading */
export function makeRoot(
	fields: Dated & { readonly keys: Keys; readonly roles: RootSigned['roles']; readonly consistent_snapshot?: boolean },
): RootSigned {
	return checked('root', { _type: 'root', spec_version: specVersion, consistent_snapshot: true, ...fields });
}

export function makeTimestamp(fields: Dated & { readonly snapshot: MetaFile }): TimestampSigned {
	const { snapshot, ...dated } = fields;
	return checked('timestamp', {
		_type: 'timestamp',
		spec_version: specVersion,
		...dated,
		meta: Object.freeze({ 'snapshot.json': snapshot }),
	});
}

export function makeSnapshot(fields: Dated & { readonly meta: Readonly<Record<string, MetaFile>> }): SnapshotSigned {
	return checked('snapshot', { _type: 'snapshot', spec_version: specVersion, ...fields });
}

export function makeTargets(
	fields: Dated & { readonly targets: Readonly<Record<string, TargetFile>>; readonly delegations?: Delegations },
): TargetsSigned {
	return checked('targets', { _type: 'targets', spec_version: specVersion, ...fields });
}

/** The document that follows `last`: its version is one higher unless `changes` names one; what is not changed stays. */
export function nextVersion<S extends Signed>(last: S, changes: Partial<Omit<S, '_type'>>): S {
	const next = { ...last, version: last.version + 1, ...changes };
	checkSigned(last._type, next);
	return Object.freeze(next);
}

function checked<S extends Signed>(type: MetadataType, signed: S): S {
	checkSigned(type, signed);
	return Object.freeze(signed);
}

/** What a timestamp or snapshot says of a file; with a hash function also its length and SHA-256. */
export function metaFile(version: number, bytes?: Uint8Array, hash?: HashBytes): MetaFile {
	if (bytes === undefined) return Object.freeze({ version });
	const sha256 = hash?.('sha256', bytes);
	return Object.freeze({
		version,
		length: bytes.length,
		...(sha256 === undefined ? {} : { hashes: Object.freeze({ sha256 }) }),
	});
}

/** The bytes that every signature of the document is over. */
export function payloadToSign(signed: Signed): Uint8Array {
	return canonicalJson(signed);
}

export function unsigned<S extends Signed>(signed: S): Metadata<S> {
	return Object.freeze({ signatures: Object.freeze([]), signed });
}

/** The document with this signature; one by the same key id is replaced in its place. Nothing is verified. */
export function withSignature<M extends Metadata>(metadata: M, signature: Signature): M {
	const { keyid } = signature;
	const added = Object.freeze({ ...signature });
	const replaces = metadata.signatures.some((existing) => existing.keyid === keyid);
	const signatures = replaces
		? metadata.signatures.map((existing) => (existing.keyid === keyid ? added : existing))
		: [...metadata.signatures, added];
	return Object.freeze({ ...metadata, signatures: Object.freeze(signatures) });
}

export function withoutSignature<M extends Metadata>(metadata: M, keyid: string): M {
	const signatures = metadata.signatures.filter((existing) => existing.keyid !== keyid);
	return Object.freeze({ ...metadata, signatures: Object.freeze(signatures) });
}

/**
 * The bytes of the file: JSON without white space. It is not the canonical form, which is no JSON for some strings.
 * @throws TrustFailure trust-metadata-malformed for what JSON or the canonical form cannot hold
 */
export function serializeMetadata(metadata: Metadata): Uint8Array {
	const text = JSON.stringify(metadata);
	if (text === undefined) throw new TrustFailure('trust-metadata-malformed', 'the document is no JSON value');
	return new TextEncoder().encode(text);
}
