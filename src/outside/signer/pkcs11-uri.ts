// Names of keys in PKCS#11 tokens: URIs as RFC 7512 defines them, as far as they name a token, a key and a module. It
// decides what such a name may hold (never a PIN); it leaves out looking anything up.

import { CaissonError } from '../../errors.ts';

/** What a URI says. Attributes that are absent match everything. */
export interface Pkcs11Uri {
	readonly token?: string;
	readonly manufacturer?: string;
	readonly model?: string;
	readonly serial?: string;
	readonly slotId?: number;
	/** CKA_LABEL of the key. */
	readonly object?: string;
	/** CKA_ID of the key, lower-case hexadecimal. */
	readonly id?: string;
	/** The library of the token's maker, an absolute path. */
	readonly modulePath?: string;
	/** A file that holds the PIN (pin-source). */
	readonly pinFile?: string;
}

const longest = 4096;
/** By the attributes' names in RFC 7512 section 2.3. */
const textAttributes = {
	token: 'token',
	manufacturer: 'manufacturer',
	model: 'model',
	serial: 'serial',
	object: 'object',
} as const;

/** Whether a key is named by a URI rather than by a file. */
export function isPkcs11Uri(name: string): boolean {
	return /^pkcs11:/i.test(name);
}

/**
 * Reads a PKCS#11 URI.
 * @throws CaissonError key-unusable naming the attribute; a PIN in the URI is refused without being repeated
 */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
	if (!isPkcs11Uri(uri)) throw wrong('it does not start with "pkcs11:"');
	if (uri.length > longest) throw wrong(`it is longer than ${longest} characters`);
	const [path = '', query = '', ...more] = uri.slice('pkcs11:'.length).split('?');
	if (more.length > 0) throw wrong('it has more than one "?"');
	const read: { -readonly [Name in keyof Pkcs11Uri]: Pkcs11Uri[Name] } = {};
	for (const [name, value] of attributes(path, ';')) {
		const text = Object.hasOwn(textAttributes, name) ? textAttributes[name as keyof typeof textAttributes] : undefined;
		if (text !== undefined) read[text] = utf8(name, value);
		else if (name === 'id') read.id = Buffer.from(value).toString('hex');
		else if (name === 'slot-id') read.slotId = slotId(utf8(name, value));
		else if (name === 'type') checkType(utf8(name, value));
		// RFC 7512 section 2.3: an attribute that is not understood must not be passed over when objects are matched.
		else throw wrong(`the attribute ${quoted(name)} is not supported`);
	}
	for (const [name, value] of attributes(query, '&')) {
		if (name === 'module-path') read.modulePath = absolute(name, utf8(name, value));
		else if (name === 'pin-source') read.pinFile = absolute(name, utf8(name, value).replace(/^file:(\/\/(?=\/))?/, ''));
		else if (name === 'pin-value') throw wrong('it holds a PIN (pin-value), which others can then read; name a file');
		else throw wrong(`the attribute ${quoted(name)} is not supported`);
	}
	return read;
}

/** The URI of a key, without module and PIN: what names the key in messages and listings. */
export function formatPkcs11Uri(uri: Pick<Pkcs11Uri, 'token' | 'serial' | 'object' | 'id'>): string {
	const parts: string[] = [];
	for (const name of ['token', 'serial', 'object'] as const) {
		if (uri[name] !== undefined) parts.push(`${name}=${encodeURIComponent(uri[name])}`);
	}
	if (uri.id !== undefined) parts.push(`id=${uri.id.replaceAll(/../g, '%$&')}`);
	return `pkcs11:${parts.join(';')}`;
}

function attributes(text: string, separator: string): [string, Uint8Array][] {
	if (text === '') return [];
	const seen = new Set<string>();
	return text.split(separator).map((part) => {
		const equals = part.indexOf('=');
		if (equals <= 0) throw wrong('an attribute is not written name=value');
		const name = part.slice(0, equals);
		if (seen.has(name)) throw wrong(`the attribute ${quoted(name)} is there twice`);
		seen.add(name);
		return [name, decoded(name, part.slice(equals + 1))];
	});
}

/** RFC 3986 section 2.1; ids are any bytes, so this is not decodeURIComponent. */
function decoded(name: string, value: string): Uint8Array {
	if (/%(?![0-9A-Fa-f]{2})/.test(value)) throw wrong(`a "%" in ${quoted(name)} is not followed by two digits`);
	if (value === '') throw wrong(`the attribute ${quoted(name)} is empty`);
	return Buffer.concat(
		value
			.split(/(%..)/)
			.map((part) => (part.startsWith('%') ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part, 'utf8'))),
	);
}

function utf8(name: string, value: Uint8Array): string {
	let text: string;
	try {
		text = new TextDecoder('utf-8', { fatal: true }).decode(value);
	} catch {
		throw wrong(`the attribute ${quoted(name)} is not UTF-8`);
	}
	if (/\p{Cc}/u.test(text)) throw wrong(`the attribute ${quoted(name)} holds a control character`);
	return text;
}

function slotId(text: string): number {
	if (!/^[0-9]{1,10}$/.test(text)) throw wrong('slot-id is not a number');
	return Number(text);
}

function checkType(text: string): void {
	if (text !== 'private' && text !== 'public') throw wrong(`its type is ${quoted(text)}; a key is private`);
}

function absolute(name: string, path: string): string {
	if (!path.startsWith('/')) throw wrong(`${name} is not an absolute path`);
	return path;
}

function quoted(text: string): string {
	return JSON.stringify(text.slice(0, 100));
}

function wrong(rule: string): CaissonError {
	return new CaissonError('key-unusable', `The PKCS#11 URI cannot be used: ${rule}.`);
}
