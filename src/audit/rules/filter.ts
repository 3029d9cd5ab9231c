// Which audit rows a reader asks for. Pure, so that every store filters alike: a page is read in order of ids and judged
// here, with a bound on how many rows one request looks at.

import type { RawAuditRow } from './line.ts';

export interface AuditFilter {
	readonly actor?: string;
	/** `job.create`, or `job.*` for all actions of a noun. */
	readonly action?: string;
	readonly subject?: string;
	/** Milliseconds since the epoch; `since` included, `until` not. */
	readonly since?: number;
	readonly until?: number;
}

export function auditMatches(filter: AuditFilter, row: RawAuditRow): boolean {
	const { actor, action, subject, since, until } = filter;
	if (actor !== undefined && row.actor !== actor) return false;
	if (subject !== undefined && row.subject !== subject) return false;
	if (since !== undefined && row.time < since) return false;
	if (until !== undefined && row.time >= until) return false;
	if (action === undefined) return true;
	return action.endsWith('.*') ? row.action.startsWith(action.slice(0, -1)) : row.action === action;
}
