// Which target paths and path patterns Caisson puts into documents that it makes: those that every client understands in
// the same way and can keep as a file. Others' documents are read with any path; a client that stores files has rules of its own.

import { isWellFormed } from './well-formed.ts';

/** Bytes of UTF-8 of a part: with the hash before it (consistent snapshots), it must still be a file name. */
const maximumPart = 180;
const maximumPath = 1000;

/** Why the path should not be published, as a sentence without a subject; undefined where it may. Clause 4.5, TARGETPATH. */
export function targetPathFault(path: string): string | undefined {
	if (path === '') return 'is empty';
	if (!isWellFormed(path)) return 'holds half of a surrogate pair';
	if (byteLength(path) > maximumPath) return `has more than ${maximumPath} bytes`;
	if (path.startsWith('/')) return 'begins with a slash';
	if (path.normalize('NFC') !== path) return 'is not in Unicode normal form C';
	if (/[\p{Cc}\p{Cf}\u2028\u2029\\]/u.test(path))
		return 'holds a control character, an invisible character or a backslash';
	for (const part of path.split('/')) {
		if (part === '' || part === '.' || part === '..') return 'has a part that is empty, "." or ".."';
		if (byteLength(part) > maximumPart) return `has a part of more than ${maximumPart} bytes`;
	}
	return undefined;
}

/**
 * The same for a pattern of a delegation: plain text, `*` and `?`. python-tuf, tuf-js and others disagree on brackets, braces,
 * `+(…)`, and `!` or `#` in front. They also disagree on whether `*` fits a part that begins with a dot: for "every path",
 * delegate by the path hash prefixes 0 to f.
 */
export function pathPatternFault(pattern: string): string | undefined {
	const path = targetPathFault(pattern);
	if (path !== undefined) return path;
	if (/[[\]{}()]/.test(pattern)) return 'holds brackets, braces or parentheses';
	if (pattern.split('/').some((part) => /^[!#]/.test(part))) return 'has a part that begins with "!" or "#"';
	if (pattern.includes('**')) return 'holds "**", which no client takes for several parts';
	return undefined;
}

/** Of a delegation that is trusted for every path, at any depth. */
export const everyPathHashPrefix: readonly string[] = Object.freeze([...'0123456789abcdef']);

function byteLength(text: string): number {
	return new TextEncoder().encode(text).length;
}
