// Who may reach an unauthenticated port: the rule of the trust boundary, over addresses that names were resolved to
// already. Pure. It leaves out opening them (listeners.ts) and checking a request (src/web/authentication.ts).

import { CaissonError } from '../../src/errors.ts';

/** An address about to be served; `address` undefined: a unix socket, which file permissions guard. */
export interface OfferedAddress {
	readonly port: 'southbound' | 'northbound';
	/** For messages: what set it, e.g. 'client-host 0.0.0.0 (--client-host)'. */
	readonly named: string;
	readonly address: string | undefined;
	readonly encrypted: boolean;
}

/** 127.0.0.0/8 (RFC 1122, 3.2.1.3), ::1 (RFC 4291, 2.5.3), and the former mapped into IPv6. */
export function isLoopback(address: string): boolean {
	return address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address);
}

export interface TrustPolicy {
	readonly southboundAuth: 'open' | 'mtls' | 'token';
	readonly northboundAuth: 'token' | 'none';
	readonly insecureOpen: boolean;
}

/**
 * @returns what is allowed but worth a warning
 * @throws CaissonError configuration-invalid where a port that asks nobody who they are would leave this machine
 */
export function checkTrustBoundary(offered: readonly OfferedAddress[], policy: TrustPolicy): string[] {
	const warnings: string[] = [];
	for (const { port, named, address, encrypted } of offered) {
		if (address === undefined || isLoopback(address)) continue;
		if (port === 'southbound' && policy.southboundAuth === 'open' && !policy.insecureOpen) {
			throw new CaissonError(
				'configuration-invalid',
				`${named}: with southbound-auth open every device reads and changes every job, so it is served on loopback ` +
					'only; use southbound-auth mtls or token, or say with --insecure-open that the network is trusted',
			);
		}
		if (port === 'southbound' && policy.southboundAuth !== 'open' && !encrypted) {
			throw new CaissonError(
				'configuration-invalid',
				`${named}: what a device shows of itself would cross the network in the clear; use scheme https`,
			);
		}
		if (port === 'northbound' && policy.northboundAuth === 'none') {
			throw new CaissonError(
				'configuration-invalid',
				`${named}: northbound-auth none lets everyone who reaches the port do everything, so it is for loopback ` +
					'and unix sockets only',
			);
		}
		if (port === 'southbound' && policy.southboundAuth === 'open')
			warnings.push(`${named}: open to every machine that reaches it (--insecure-open)`);
		if (port === 'northbound' && !encrypted) {
			warnings.push(`${named}: the operator token crosses the network in the clear; use scheme https`);
		}
	}
	return warnings;
}
