// Text that PostgreSQL can hold. Its text type takes every character of Unicode but U+0000 (SQLite takes that too). In
// JSON the character is written as an escape, so only values that are columns of their own are concerned: ids, clients, tags.

import { CaissonError } from '../../errors.ts';

/** @throws CaissonError request-invalid */
export function requireStorable(field: string, text: string): void {
	if (!text.includes('\0')) return;
	throw new CaissonError('request-invalid', `${field}: U+0000 cannot be stored in PostgreSQL`);
}

/** For text that is written whatever it holds: an audit row is not refused for a strange name in it. */
export function visibleText(text: string): string {
	return text.replaceAll('\0', '\u2400');
}
