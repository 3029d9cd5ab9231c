// Canonical JSON (OLPC), the bytes that signatures and key ids are made over, exactly as securesystemslib writes it:
// names sorted by code point, no white space, and in strings only `"` and `\` escaped, so control characters stand as they
// are. Linear but for the sorting of names. It leaves out the form that files have: serialize in make.ts.

import { quoted, TrustFailure } from './failure.ts';
import { isWellFormed } from './well-formed.ts';

/**
 * @throws TrustFailure trust-metadata-malformed for what canonical JSON has no form for: numbers that are no safe
 * integers, halves of surrogate pairs, undefined
 */
export function canonicalJson(value: unknown): Uint8Array {
	return new TextEncoder().encode(canonicalText(value));
}

/** The same before it is encoded. */
export function canonicalText(value: unknown): string {
	return text(value, 0);
}

/** Values within each other; more than a document that was read can have. */
const depthLimit = 200;

function text(value: unknown, depth: number): string {
	switch (typeof value) {
		case 'string':
			return string(value);
		case 'number':
			if (!Number.isSafeInteger(value)) refuse(`the number ${value} is no integer that a double holds exactly`);
			return String(value);
		case 'boolean':
			return value ? 'true' : 'false';
		case 'object':
			if (value === null) return 'null';
			if (depth >= depthLimit) refuse(`more than ${depthLimit} objects and arrays within each other`);
			return Array.isArray(value) ? array(value, depth) : object(value as Record<string, unknown>, depth);
		default:
			return refuse(`a value is of type ${typeof value}`);
	}
}

function array(values: readonly unknown[], depth: number): string {
	let out = '[';
	for (let i = 0; i < values.length; i++) {
		if (i > 0) out += ',';
		out += text(values[i], depth + 1);
	}
	return `${out}]`;
}

function object(value: Readonly<Record<string, unknown>>, depth: number): string {
	let out = '';
	for (const name of sortedNames(value)) {
		out += out === '' ? '{' : ',';
		out += string(name);
		out += ':';
		out += text(value[name], depth + 1);
	}
	return out === '' ? '{}' : `${out}}`;
}

const aboveBasicPlane = /[\ud800-\udfff]/;

/** Sorted by code point, as Python sorts; JavaScript's own order differs where surrogates meet U+E000 and above. */
function sortedNames(value: object): string[] {
	const names = Object.keys(value);
	if (names.length < 2) return names;
	return names.some((name) => aboveBasicPlane.test(name)) ? names.sort(byCodePoint) : names.sort();
}

/** The order of names in canonical JSON. */
export function byCodePoint(a: string, b: string): number {
	const length = Math.min(a.length, b.length);
	for (let i = 0; i < length; i++) {
		const x = a.charCodeAt(i);
		const y = b.charCodeAt(i);
		if (x === y) continue;
		const xHigh = x >= 0xd800 && x <= 0xdfff;
		const yHigh = y >= 0xd800 && y <= 0xdfff;
		return xHigh === yHigh ? x - y : xHigh ? 1 : -1;
	}
	return a.length - b.length;
}

const escaped = /["\\]/;

function string(value: string): string {
	if (!isWellFormed(value)) refuse(`${quoted(value)} holds half of a surrogate pair`);
	return escaped.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : `"${value}"`;
}

function refuse(rule: string): never {
	throw new TrustFailure('trust-metadata-malformed', `the value has no canonical form: ${rule}`);
}

/**
 * Canonical text as JSON of the same value: canonical JSON leaves control characters as they are (the line breaks of a PEM
 * key, for instance), which JSON must not. They stand in strings only, since canonical text has no white space.
 */
export function jsonOfCanonical(text: string): string {
	return text.replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
