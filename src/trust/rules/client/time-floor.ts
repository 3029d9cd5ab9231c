// The earliest time that it can be: a device whose clock was set back, or that woke in 1970, must not take expired
// metadata for current. Expiry is judged by the later of the clock and this floor. It leaves out how the floor is kept,
// and where the clock is wrong in the other direction: then metadata looks expired, which is safe.

import { expiryTime } from '../metadata/expiry.ts';
import type { RootSigned, TimestampSigned } from '../metadata/model.ts';

/** Milliseconds since 1970. */
export interface TimeFloor {
	/**
	 * The device's clock at its last full refresh. Only then, because then metadata that expires soon was still valid: a clock
	 * that once jumped far ahead finds everything expired, and does not raise the floor for good.
	 */
	readonly clock?: number;
	/**
	 * The latest time that the repository signed, and the keys that could sign it then. It counts only while all of them may
	 * still sign timestamps: a stolen key that pushed it ahead is undone by its rotation.
	 */
	readonly signed?: { readonly at: number; readonly keyids: readonly string[] };
}

/** Field of a timestamp that says when it was signed: YYYY-MM-DDTHH:MM:SSZ. TUF has none of its own. */
export const signedTimeField = 'x-caisson-signed-at';

/** What a device knows of the time, before it looks at any metadata. */
export interface JudgedTime {
	/** By which expiry is judged: the later of the two below. */
	readonly now: number;
	readonly clock: number;
	readonly floor: number;
	/** The clock is behind the floor: it was set back, or never set. */
	readonly behind: boolean;
}

/** @param built when the device's image was built; 0 where that is not known */
export function judgeTime(clock: number, built: number, floor: TimeFloor, root: RootSigned): JudgedTime {
	const earliest = Math.max(built, floor.clock ?? 0, stillSigned(floor, root)?.at ?? 0);
	return { now: Math.max(clock, earliest), clock, floor: earliest, behind: clock < earliest };
}

function stillSigned(floor: TimeFloor, root: RootSigned): TimeFloor['signed'] {
	const current = root.roles.timestamp.keyids;
	return floor.signed?.keyids.every((id) => current.includes(id)) ? floor.signed : undefined;
}

/** The floor after a full refresh, at `clock`, which ended with this timestamp. It never falls but by a key rotation. */
export function raisedFloor(floor: TimeFloor, clock: number, root: RootSigned, timestamp: TimestampSigned): TimeFloor {
	const kept = stillSigned(floor, root);
	const at = signedAt(timestamp);
	const signed = at !== undefined && at > (kept?.at ?? 0) ? { at, keyids: root.roles.timestamp.keyids } : kept;
	return { clock: Math.max(clock, floor.clock ?? 0), ...(signed === undefined ? {} : { signed }) };
}

/** When the timestamp says it was signed; undefined where it does not, or says a time after its own expiry. */
function signedAt(timestamp: TimestampSigned): number | undefined {
	const text = (timestamp as unknown as Readonly<Record<string, unknown>>)[signedTimeField];
	const at = typeof text === 'string' ? expiryTime(text) : undefined;
	const end = expiryTime(timestamp.expires);
	return at !== undefined && end !== undefined && at < end ? at : undefined;
}
