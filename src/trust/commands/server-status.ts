// `caisson trust status` without files: how the repository of a server stands, in the form in which documents in files are
// shown. What waits for signatures stands beside what is committed.

import type { Terminal } from '../../terminal/terminal.ts';
import type { RepositoryStatus, RoleStatus } from '../repository/status.ts';
import type { Standing, Standings } from '../rules/ceremony/standing.ts';
import { expiryTime } from '../rules/metadata/expiry.ts';
import { day } from '../rules/repository/settings.ts';
import { askServer, trustPath } from './server.ts';

export async function serverStandings(terminal: Terminal, now: () => number): Promise<Standings> {
	const api = await terminal.api();
	return standingsOf(await askServer<RepositoryStatus>(api, 'GET', trustPath, 'bootstrapped'), now());
}

/** A line for each role, and one for each document that waits. */
export function standingsOf(status: RepositoryStatus, now: number): Standings {
	const roles = status.roles.map((role) => committed(role, status, now));
	for (const { role, version, expires, checks, reason } of status.pending) {
		roles.push({
			...{ role, version, ...timeLeft(expires, now), state: 'incomplete', checks, useless: [] },
			notes: reason === undefined ? [] : [reason],
		});
	}
	if (!status.bootstrapped) roles.push(...notBootstrapped(status));
	return {
		...{ roles, keys: status.keys },
		complete: status.bootstrapped && roles.every(({ state, expired }) => state === 'signed' && !expired),
	};
}

function committed(role: RoleStatus, { alarms, waiting }: RepositoryStatus, now: number): Standing {
	const { name, version, expires, threshold, keyids, signed, online, bins } = role;
	const notes = alarms.filter((alarm) => alarm.role === name).map(({ remedy }) => remedy);
	const prefix = bins === undefined ? undefined : name.slice(0, -1);
	for (const held of [false, true]) {
		const counts = waiting.filter(
			(one) => one.held === held && (prefix === undefined ? one.role === name : one.role.startsWith(prefix)),
		);
		const count = counts.reduce((sum, one) => sum + one.count, 0);
		if (count > 0) notes.push(`changes of targets that ${held ? 'are held back' : 'are not published yet'}: ${count}`);
	}
	if (bins !== undefined) notes.push(`${bins} bins; the highest version, the earliest expiry`);
	const missing = Math.max(0, threshold - signed.length);
	const unsigned = keyids.filter((id) => !signed.includes(id));
	const by = online ? 'the server' : (role.delegator ?? 'root');
	return {
		...{ role: name, version, state: version === 0 ? 'absent' : 'signed', useless: [], notes },
		...timeLeft(expires, now),
		checks: version === 0 ? [] : [{ by, threshold, signed, unsigned, missing }],
	};
}

function notBootstrapped({ roles, pending }: RepositoryStatus): Standing[] {
	const there = new Set([...roles.map(({ name }) => name), ...pending.map(({ role }) => role)]);
	return ['root', 'targets']
		.filter((role) => !there.has(role))
		.map((role) => ({
			...{ role, state: 'absent', version: 0, expired: false, checks: [], useless: [] },
			notes: ['not on the server yet: caisson trust ceremony makes it, caisson trust offer brings it'],
		}));
}

function timeLeft(expires: string | undefined, now: number): Pick<Standing, 'expires' | 'expired' | 'daysLeft'> {
	const time = expires === undefined ? undefined : expiryTime(expires);
	if (expires === undefined || time === undefined) return { expired: false };
	return { expires, expired: time <= now, daysLeft: Math.floor((time - now) / day) };
}
