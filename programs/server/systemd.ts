// systemd's two protocols for services: sockets handed over at start (sd_listen_fds(3)) and telling the manager how
// the service does (sd_notify(3)). It leaves out what is served on the sockets. The notification socket takes
// datagrams on a unix socket, which Node cannot send without native code, so the tool `systemd-notify` sends them:
// the unit needs NotifyAccess=all, as the sender is a child of the service.

import { execFile } from 'node:child_process';
import { fstatSync, readFileSync } from 'node:fs';
import { CaissonError } from '../../src/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A listening socket that was opened for this process. */
export interface ActivatedSocket {
	readonly fd: number;
	readonly port: 'southbound' | 'northbound';
	readonly tls: boolean;
}

// sd_listen_fds(3): SD_LISTEN_FDS_START
const firstSocket = 3;
const byName: Readonly<Record<string, Omit<ActivatedSocket, 'fd'>>> = {
	client: { port: 'southbound', tls: false },
	mgmt: { port: 'northbound', tls: false },
	'client-tls': { port: 'southbound', tls: true },
	'mgmt-tls': { port: 'northbound', tls: true },
};

/**
 * The sockets that systemd passed to this process; none where it passed none. Each is known by its name
 * (FileDescriptorName=client, mgmt, client-tls or mgmt-tls); two without such names are south and north, as in wfx.
 * @throws CaissonError configuration-invalid where it cannot be told what a socket is for
 */
export function activatedSockets(environment: Environment, pid: number): ActivatedSocket[] {
	if (environment.LISTEN_PID !== String(pid)) return [];
	const count = Number(environment.LISTEN_FDS);
	if (!Number.isInteger(count) || count < 1 || count > 64) return [];
	const names = environment.LISTEN_FDNAMES?.split(':') ?? [];
	const sockets = Array.from({ length: count }, (_, index) => {
		const fd = firstSocket + index;
		const name = names[index] ?? '';
		if (!fstatSync(fd).isSocket()) throw unclear(`file descriptor ${fd} (${name}) is not a socket`);
		return { fd, name, meaning: Object.hasOwn(byName, name) ? byName[name] : undefined };
	});
	if (sockets.every(({ meaning }) => meaning === undefined)) {
		if (count !== 2) throw unclear(`${count} sockets without known names; two are taken as southbound and northbound`);
		return [
			{ fd: firstSocket, port: 'southbound', tls: false },
			{ fd: firstSocket + 1, port: 'northbound', tls: false },
		];
	}
	return sockets.map(({ fd, name, meaning }) => {
		if (meaning === undefined) throw unclear(`'${name}' is not one of ${Object.keys(byName).join(', ')}`);
		return { fd, ...meaning };
	});
}

function unclear(message: string): CaissonError {
	return new CaissonError('configuration-invalid', `socket activation (LISTEN_FDS): ${message}`);
}

/** The path to which a passed unix socket is bound, from the kernel's list; undefined where it is not to be found. */
export function unixPathOf(fd: number): string | undefined {
	try {
		const inode = String(fstatSync(fd).ino);
		const lines = readFileSync('/proc/self/net/unix', 'utf8').split('\n');
		return lines.map((line) => line.trim().split(/\s+/)).find((fields) => fields[6] === inode)?.[7];
	} catch {
		return undefined;
	}
}

/** Removes what is meant for this process alone, so that programs run by it do not take it for theirs. */
export function forgetSystemd(environment: Record<string, string | undefined>): void {
	for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) {
		delete environment[name];
	}
}

export interface ServiceManager {
	ready(status: string): void;
	reloading(): void;
	stopping(): void;
	/** Ends the watchdog's timer. */
	close(): void;
}

/**
 * Tells systemd, where it asked to be told, and does nothing elsewhere.
 * @param failed is called once where telling does not work, with the reason
 */
export function serviceManager(
	environment: Environment,
	pid: number,
	failed: (reason: string) => void,
): ServiceManager {
	const socket = environment.NOTIFY_SOCKET;
	if (!socket) return { ready() {}, reloading() {}, stopping() {}, close() {} };
	let complained = false;
	// One after the other: READY=1 must not overtake RELOADING=1.
	let queue: Promise<void> = Promise.resolve();
	const notify = (...assignments: string[]) => {
		queue = queue.then(
			() =>
				new Promise((resolve) => {
					const options = {
						env: { PATH: environment.PATH ?? '/usr/bin:/bin', NOTIFY_SOCKET: socket },
						timeout: 10_000,
					};
					execFile('systemd-notify', [`--pid=${pid}`, ...assignments], options, (error) => {
						if (error && !complained) failed(error.message);
						complained ||= error !== null;
						resolve();
					});
				}),
		);
	};
	const watchdog = startWatchdog(environment, pid, () => notify('WATCHDOG=1'));
	return {
		ready: (status) => notify('READY=1', `STATUS=${status}`),
		reloading: () => notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
		stopping: () => notify('STOPPING=1'),
		close: () => clearInterval(watchdog),
	};
}

/** sd_watchdog_enabled(3): a sign of life at half the interval, from the event loop that also answers requests. */
function startWatchdog(environment: Environment, pid: number, tell: () => void): NodeJS.Timeout | undefined {
	const interval = Number(environment.WATCHDOG_USEC) / 1000;
	if (!(interval > 0) || (environment.WATCHDOG_PID ?? String(pid)) !== String(pid)) return undefined;
	return setInterval(tell, interval / 2).unref();
}
