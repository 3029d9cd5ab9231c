// The public part of a key as a person hands it to a ceremony: NAME.public.json. It decides what such a file holds, and how a
// document keeps the label of a key, so that people read names where machines read ids. It leaves out private keys.

import { CaissonError } from '../../../errors.ts';
import { quoted, TrustFailure } from '../metadata/failure.ts';
import { readJson } from '../metadata/json.ts';
import { keyIdOf, keyKind } from '../metadata/keys.ts';
import type { Keys, Sha256, TrustKey } from '../metadata/model.ts';

export interface KeyEntry {
	/** What people call the key. */
	readonly label: string;
	/** The default id of the key (clause 4.2). */
	readonly keyid: string;
	readonly key: TrustKey;
	/** Who keeps the private key; by default the label stands for it. Never enters a document. */
	readonly holder?: string;
	/** The PKCS#11 URI of a key in a token. */
	readonly uri?: string;
}

/** An unknown field of a key in a document, which clients keep and pass over (clause 4.1: fields that are not known are ignored). */
export const labelField = 'x-caisson-label';

const labelForm = /^[A-Za-z0-9][-A-Za-z0-9_.]{0,63}$/;
export const labelRule = 'a name of letters, digits, "-", "_" and ".", 64 characters at most';

export function isLabel(text: string): boolean {
	return labelForm.test(text);
}

const maximumHolder = 200;

/** Whether the text may stand for a person: not empty, short, on one line. */
export function isHolder(text: string): boolean {
	return text.trim() !== '' && text.length <= maximumHolder && !/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(text);
}

/** The key as documents list it. */
export function listedKey({ key, label }: KeyEntry): TrustKey {
	return Object.freeze({ ...key, [labelField]: label });
}

/** The label of a key in a document; undefined where it has none that may be shown. */
export function labelOf(key: TrustKey | undefined): string | undefined {
	const label: unknown = (key as Readonly<Record<string, unknown>> | undefined)?.[labelField];
	return typeof label === 'string' && isLabel(label) ? label : undefined;
}

/** How a key is called in a sentence or a table: its label, else the beginning of its id. */
export function keyName(keyid: string, keys: Keys): string {
	return labelOf(Object.hasOwn(keys, keyid) ? keys[keyid] : undefined) ?? quoted(keyid.slice(0, 16)).slice(1, -1);
}

/** The keys of a document as entries, so that a plan can name them by their labels. Keys without a label go by their id. */
export function entriesOf(keys: Keys): KeyEntry[] {
	return Object.entries(keys).map(([keyid, listed]) => {
		const { [labelField]: _, ...key } = listed as TrustKey & Record<string, unknown>;
		return { label: labelOf(listed) ?? keyid, keyid, key };
	});
}

const maximumFile = 64 << 10;

/**
 * Reads NAME.public.json.
 * @param name of the file, for messages
 * @throws CaissonError key-unusable naming file and rule
 */
export function readKeyEntry(bytes: Uint8Array, name: string, sha256: Sha256): KeyEntry {
	const value = readFields(bytes, name);
	const { label, keyid, holder, uri } = value;
	if (typeof label !== 'string' || !isLabel(label)) refuse(name, `label is ${labelRule}`);
	if (holder !== undefined && (typeof holder !== 'string' || !isHolder(holder))) {
		refuse(name, `holder is a text on one line, ${maximumHolder} characters at most`);
	}
	if (uri !== undefined && typeof uri !== 'string') refuse(name, 'uri is a text');
	const key = readKey(value.key, name);
	if (keyid !== keyIdOf(key, sha256)) refuse(name, 'keyid is not the id of the key: the file was changed');
	return Object.freeze({
		...{ label, keyid, key },
		...(holder === undefined ? {} : { holder }),
		...(uri === undefined ? {} : { uri }),
	});
}

function readFields(bytes: Uint8Array, name: string): Readonly<Record<string, unknown>> {
	let value: unknown;
	try {
		value = readJson(bytes, { bytes: maximumFile, depth: 5 });
	} catch (cause) {
		if (!(cause instanceof TrustFailure)) throw cause;
		throw new CaissonError('key-unusable', `${name} is no public key of a ceremony: ${cause.message}.`, { cause });
	}
	if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(name, 'it is no JSON object');
	const fields = value as Readonly<Record<string, unknown>>;
	const unknown = Object.keys(fields).find((field) => !['label', 'keyid', 'key', 'holder', 'uri'].includes(field));
	if (unknown !== undefined) refuse(name, `the field ${quoted(unknown)} is not known`);
	return fields;
}

function readKey(value: unknown, name: string): TrustKey {
	const { keytype, scheme, keyval } = (value ?? {}) as Readonly<Record<string, unknown>>;
	const publicValue = (keyval as Readonly<Record<string, unknown>> | undefined)?.public;
	if (typeof keytype !== 'string' || typeof scheme !== 'string' || typeof publicValue !== 'string') {
		refuse(name, 'key needs keytype, scheme and keyval.public');
	}
	const key = Object.freeze({ keytype, scheme, keyval: Object.freeze({ public: publicValue }) });
	if (keyKind(key) === undefined) {
		refuse(name, `the key is of the type ${quoted(`${keytype}/${scheme}`)}, which cannot be verified`);
	}
	return key;
}

function refuse(name: string, rule: string): never {
	throw new CaissonError('key-unusable', `${name} is no public key of a ceremony: ${rule}.`);
}

/** The bytes of NAME.public.json. */
export function keyEntryText({ label, holder, keyid, key, uri }: KeyEntry): string {
	const fields = {
		label,
		...(holder === undefined ? {} : { holder }),
		...{ keyid, key },
		...(uri === undefined ? {} : { uri }),
	};
	return `${JSON.stringify(fields, undefined, 2)}\n`;
}
