// Turns bytes into a document of The Update Framework: checks every field that the specification names, keeps every field
// that it does not name, and says where a document breaks which rule. As strict as python-tuf, and stricter where two
// readers could differ. It leaves out signatures (threshold.ts) and whether the document is current (client/trusted-set.ts).

import { expiryTime } from './expiry.ts';
import { quoted, TrustFailure } from './failure.ts';
import { defaultJsonLimits, type JsonLimits, readJson } from './json.ts';
import type { Metadata, MetadataType, SignedByType } from './model.ts';
import { checkDelegations, checkKeys, checkRoleKeys } from './read-delegations.ts';
import { at, boolean, Fault, integer, list, map, object, string, type Where } from './read-fields.ts';

/** Clauses 4.3 to 4.6 name these; a delegated role may have none of these names. */
export const topLevelRoles: readonly MetadataType[] = ['root', 'timestamp', 'snapshot', 'targets'];

/**
 * The document of this type that the bytes hold, deeply frozen, unknown fields kept. Nothing of it is trusted yet.
 * @throws TrustFailure trust-metadata-malformed, naming the field and the rule
 */
export function readMetadata<T extends MetadataType>(
	type: T,
	bytes: Uint8Array,
	limits: JsonLimits = defaultJsonLimits,
): Metadata<SignedByType[T]> {
	const value = readJson(bytes, limits);
	checkMetadata(type, value);
	return value;
}

/**
 * The same for a value that is at hand, for documents that were made here or came in another envelope.
 * @throws TrustFailure trust-metadata-malformed
 */
export function checkMetadata<T extends MetadataType>(
	type: T,
	value: unknown,
): asserts value is Metadata<SignedByType[T]> {
	check(type, () => {
		const top: Where = { name: '', parent: undefined };
		const metadata = object(value, top);
		checkSignatures(metadata.signatures, at(top, 'signatures'));
		checkSignedFields(type, metadata.signed, at(top, 'signed'));
	});
}

/** The `signed` part alone. @throws TrustFailure trust-metadata-malformed */
export function checkSigned<T extends MetadataType>(type: T, value: unknown): asserts value is SignedByType[T] {
	check(type, () => checkSignedFields(type, value, { name: 'signed', parent: undefined }));
}

function check(type: MetadataType, checks: () => void): void {
	try {
		checks();
	} catch (error) {
		if (!(error instanceof Fault)) throw error;
		throw new TrustFailure('trust-metadata-malformed', `the ${type} metadata is malformed: ${error.message}`, {
			role: type,
		});
	}
}

/** Clause 4.2: the same keyid must not sign twice. */
function checkSignatures(value: unknown, where: Where): void {
	const seen = new Set<string>();
	list(value, where, (item, place) => {
		const signature = object(item, place);
		const keyid = string(signature.keyid, at(place, 'keyid'));
		string(signature.sig, at(place, 'sig'));
		if (seen.has(keyid)) throw new Fault(place, `the key id ${quoted(keyid)} signs twice`);
		seen.add(keyid);
	});
}

function checkSignedFields(type: MetadataType, value: unknown, where: Where): void {
	const signed = object(value, where);
	const named = string(signed._type, at(where, '_type'));
	if (named !== type) throw new Fault(at(where, '_type'), `it is ${quoted(named)}, not "${type}"`);
	checkSpecVersion(signed.spec_version, at(where, 'spec_version'));
	integer(signed.version, at(where, 'version'), 1);
	const expires = string(signed.expires, at(where, 'expires'));
	if (expiryTime(expires) === undefined) {
		throw new Fault(at(where, 'expires'), 'it is not a date and time of the form YYYY-MM-DDTHH:MM:SSZ');
	}
	checks[type](signed, where);
}

/** Clause 4.3: the major version decides; python-tuf allows the third number to be missing, for old documents. */
function checkSpecVersion(value: unknown, where: Where): void {
	const version = string(value, where);
	if (!/^[0-9]{1,9}\.[0-9]{1,9}(\.[0-9]{1,9})?$/.test(version)) throw new Fault(where, 'it is not of the form 1.0.31');
	if (Number(version.split('.')[0]) !== 1)
		throw new Fault(where, `version ${version} is not supported: the first number must be 1`);
}

const checks: Readonly<Record<MetadataType, (signed: Readonly<Record<string, unknown>>, where: Where) => void>> = {
	root(signed, where) {
		if (signed.consistent_snapshot !== undefined) boolean(signed.consistent_snapshot, at(where, 'consistent_snapshot'));
		checkKeys(signed.keys, at(where, 'keys'));
		const place = at(where, 'roles');
		const roles = object(signed.roles, place);
		for (const name of topLevelRoles) checkRoleKeys(object(roles[name], at(place, name)), at(place, name));
		for (const name of Object.keys(roles)) {
			if (name === 'mirrors') checkRoleKeys(object(roles[name], at(place, name)), at(place, name));
			else if (!topLevelRoles.some((known) => known === name))
				throw new Fault(at(place, name), 'there is no such top-level role');
		}
	},
	timestamp(signed, where) {
		const place = at(where, 'meta');
		const meta = object(signed.meta, place);
		checkMetaFile(meta['snapshot.json'], at(place, 'snapshot.json'));
		// Clause 4.6: a timestamp describes the snapshot and nothing else.
		const other = Object.keys(meta).find((name) => name !== 'snapshot.json');
		if (other !== undefined) throw new Fault(at(place, other), 'a timestamp describes only snapshot.json');
	},
	snapshot(signed, where) {
		map(signed.meta, at(where, 'meta'), checkMetaFile);
	},
	targets(signed, where) {
		map(signed.targets, at(where, 'targets'), checkTargetFile);
		if (signed.delegations !== undefined) checkDelegations(signed.delegations, at(where, 'delegations'));
	},
};

function checkMetaFile(value: unknown, where: Where): void {
	const file = object(value, where);
	integer(file.version, at(where, 'version'), 1);
	if (file.length !== undefined) integer(file.length, at(where, 'length'), 0);
	if (file.hashes !== undefined) checkHashes(file.hashes, at(where, 'hashes'));
}

function checkTargetFile(value: unknown, where: Where): void {
	const file = object(value, where);
	integer(file.length, at(where, 'length'), 0);
	checkHashes(file.hashes, at(where, 'hashes'));
}

function checkHashes(value: unknown, where: Where): void {
	let count = 0;
	map(value, where, (hash, place) => {
		string(hash, place);
		count++;
	});
	if (count === 0) throw new Fault(where, 'it names no hash');
}
