// Seals: the hash chain over committed audit rows. A seal lists the rows that it covers, each by the SHA-256 of its
// canonical line, and carries the hash of the seal before it; its own hash covers all of that. Whoever keeps the hash of
// one seal elsewhere (the head) can later prove that nothing up to it was changed. The form is defined in
// docs/formats/audit.md. It leaves out when seals are made (../sealing.ts) and judging a chain (verify.ts).

import { type RawAuditRow, rowLine } from './line.ts';

/** SHA-256, lower-case hexadecimal. */
export type Sha256 = (bytes: Uint8Array) => string;

export interface Seal {
	/** 1, 2, 3, … without a gap. */
	readonly number: number;
	/** Milliseconds since the epoch, of the server that sealed. */
	readonly time: number;
	/** Hash of the seal before; for the first one `noSeal`. */
	readonly previous: string;
	/** The rows covered, by id ascending, each with the digest of its line. Never empty. */
	readonly rows: readonly (readonly [id: number, digest: string])[];
	readonly hash: string;
}

/** A seal as it is stored: `body` is its whole line. */
export interface StoredSeal {
	readonly number: number;
	readonly body: string;
}

/** Where a chain stands: to be kept elsewhere. */
export interface ChainHead {
	readonly seal: number;
	readonly hash: string;
	/** The highest row that is sealed. */
	readonly through: number;
}

export const noSeal = '0'.repeat(64);
/** Rows under one seal at most. A reader refuses more. */
export const rowsPerSeal = 1000;

const hexDigest = /^[0-9a-f]{64}$/;
// `,"hash":"` + 64 digits + `"}`: what a seal's line has behind the bytes that its hash covers.
const hashPartLength = 75;

/** The next seal over `rows`. @param rows ascending, 1 to rowsPerSeal, all above those that `last` covers */
export function makeSeal(
	last: Pick<Seal, 'number' | 'hash'> | undefined,
	rows: readonly RawAuditRow[],
	time: number,
	sha256: Sha256,
): StoredSeal {
	const number = (last?.number ?? 0) + 1;
	const encoder = new TextEncoder();
	const digests = rows.map((row) => [row.id, sha256(encoder.encode(rowLine(row)))]);
	const value = { seal: number, time, previous: last?.hash ?? noSeal, rows: digests };
	const covered = JSON.stringify(value).slice(0, -1);
	return { number, body: `${covered},"hash":"${sha256(encoder.encode(covered))}"}` };
}

/** The seal that a line holds, or why it holds none. Only the form is judged here, and that the hash fits the line. */
export function readSeal(body: string, sha256: Sha256): Seal | { readonly fault: string } {
	let value: unknown;
	try {
		value = JSON.parse(body);
	} catch {
		return { fault: 'it is not JSON' };
	}
	if (typeof value !== 'object' || value === null) return { fault: 'it is no object' };
	if ('unreadable' in value) return { fault: 'what is stored is no seal' };
	const { seal: number, time, previous, rows, hash } = value as Record<string, unknown>;
	if (!isCount(number) || number < 1) return { fault: 'its number is missing' };
	if (!isCount(time)) return { fault: 'its time is missing' };
	if (!isDigest(previous) || !isDigest(hash)) return { fault: 'a hash in it is missing or malformed' };
	if (!Array.isArray(rows) || rows.length === 0 || rows.length > rowsPerSeal || !rows.every(isEntry)) {
		return { fault: 'its list of rows is missing or malformed' };
	}
	if (rows.some((row, index) => index > 0 && row[0] <= rows[index - 1][0]))
		return { fault: 'its rows are out of order' };
	if (sha256(new TextEncoder().encode(body.slice(0, -hashPartLength))) !== hash) {
		return { fault: 'its hash does not fit what stands in it' };
	}
	return { number, time, previous, rows, hash };
}

function isCount(value: unknown): value is number {
	return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isDigest(value: unknown): value is string {
	return typeof value === 'string' && hexDigest.test(value);
}

function isEntry(value: unknown): boolean {
	return Array.isArray(value) && value.length === 2 && isCount(value[0]) && value[0] > 0 && isDigest(value[1]);
}

/** The highest row that a seal covers. */
export function lastRowOf(seal: Pick<Seal, 'rows'>): number {
	return seal.rows.at(-1)?.[0] ?? 0;
}

export function headOf(seal: Seal): ChainHead {
	return { seal: seal.number, hash: seal.hash, through: lastRowOf(seal) };
}
