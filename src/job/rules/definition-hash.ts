// The hash of a job's definition: what a device compares to notice that its orders changed. It must equal wfx's bit
// for bit (siemens/wfx, internal/handler/job/definition, which hashes github.com/cnf/structhash's dump, version 1).

import type { JsonObject } from './model.ts';
import { compareUtf8 } from './utf8-order.ts';

/** SHA-256: bytes in, lower-case hexadecimal digest out. */
export type Sha256Hex = (bytes: Uint8Array) => string;

/** @returns 64 hexadecimal digits; an absent definition hashes like an empty one */
export function definitionHash(definition: JsonObject | undefined, sha256: Sha256Hex): string {
	return sha256(new TextEncoder().encode(dump(definition ?? {})));
}

/**
 * structhash's canonical text: no spaces; an object is `["key":value,…]` with its quoted keys in the order of their
 * UTF-8 bytes; strings are not escaped; numbers are Go's shortest 'E' form; true is t, false is f.
 */
function dump(value: unknown): string {
	if (typeof value === 'string') return `"${value}"`;
	if (typeof value === 'number') return goExponent(value);
	if (typeof value === 'boolean') return value ? 't' : 'f';
	if (Array.isArray(value)) return `[${value.map(dump).join(',')}]`;
	if (typeof value === 'object' && value !== null) {
		const entries = Object.entries(value).map(([key, member]) => [`"${key}"`, member] as const);
		entries.sort(([a], [b]) => compareUtf8(a, b));
		return `[${entries.map(([key, member]) => `${key}:${dump(member)}`).join(',')}]`;
	}
	// What Go's reflect prints for the zero Value that a JSON null becomes.
	return '<invalid Value>';
}

/** strconv.FormatFloat(value, 'E', -1, 64): shortest digits that read back the same, at least two in the exponent. */
function goExponent(value: number): string {
	const [digits = '', exponent = '+0'] = value.toExponential().split('e');
	const sign = Object.is(value, -0) ? '-' : '';
	return `${sign}${digits}E${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}
