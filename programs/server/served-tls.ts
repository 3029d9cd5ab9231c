// The TLS of a running server: what each port asks of clients, and reading certificates and revocation lists anew while
// connections are open. It leaves out what the files must be (tls.ts) and the sockets (listeners.ts).

import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import { CaissonError } from '../../src/errors.ts';
import { type CertificateTrust, isRevoked } from './certificates.ts';
import type { Configuration } from './configuration.ts';
import type { Listener, ListenerPlan, ListenerTls, Port } from './listeners.ts';
import { expiryOf, readTlsFiles, readTrust, type TlsFiles } from './tls.ts';

export interface ServedTls {
	/** What a reload reads. */
	readonly files: readonly string[];
	/** For a new listener of this port; undefined where nothing is served over TLS. */
	listenerTls(port: Port): ListenerTls | undefined;
	/** Another object after each change. */
	trust(): CertificateTrust;
	/**
	 * Reads the files anew. New connections get what they say, also those that resume a session; open ones keep what they
	 * agreed on, but those of certificates that are revoked now are cut. What has a fault is logged and changes nothing.
	 */
	reload(listeners: readonly Listener[]): void;
}

/** @throws CaissonError configuration-invalid, key-unusable */
export function openTls(plans: readonly ListenerPlan[], configuration: Configuration, log: Logger): ServedTls {
	const serves = plans.some(({ scheme }) => scheme === 'https');
	const files = serves ? tlsFilesOf(configuration) : undefined;
	let options = files && readTlsFiles(files);
	let trust = readTrust(configuration.values['tls-ca'], configuration.values['tls-crl']);
	if (options) warnOfExpiry(log, expiryOf(options));
	const asksFor = (port: Port) => {
		if (files?.ca === undefined) return false;
		// Where the CA is that of devices, operators need not have certificates of it.
		return port === 'southbound' || configuration.values['southbound-auth'] !== 'mtls';
	};
	const optionsOf = (port: Port, all: SecureContextOptions): SecureContextOptions => {
		if (asksFor(port)) return all;
		const { ca: _, crl: __, ...rest } = all;
		return rest;
	};
	const named = [files?.certificate, files?.key, configuration.values['tls-ca'], configuration.values['tls-crl']];
	return {
		files: named.filter((file) => file !== undefined),
		listenerTls: (port) => options && { options: optionsOf(port, options), clientCertificates: asksFor(port) },
		trust: () => trust,
		reload(listeners) {
			try {
				const next = files && readTlsFiles(files);
				const nextTrust = readTrust(configuration.values['tls-ca'], configuration.values['tls-crl']);
				options = next;
				trust = nextTrust;
				for (const { server, plan, open } of listeners) {
					// Another context has other keys for session tickets, so nobody resumes what was agreed on before.
					if (next && 'setSecureContext' in server) server.setSecureContext(optionsOf(plan.port, next));
					cutRevoked(open, trust);
				}
				log.info('certificates read');
				if (next) warnOfExpiry(log, expiryOf(next));
			} catch (error) {
				log.error({ err: error }, 'the certificates cannot be used; the running ones stay');
			}
		},
	};
}

function cutRevoked(open: ReadonlySet<Socket>, trust: CertificateTrust): void {
	for (const socket of open) if (isRevoked(socket, trust)) socket.destroy();
}

function tlsFilesOf({ values, origin }: Configuration): TlsFiles {
	const { 'tls-certificate': certificate, 'tls-key': key, 'tls-ca': ca, 'tls-crl': crl } = values;
	if (certificate === undefined || key === undefined) {
		const missing = certificate === undefined ? 'tls-certificate' : 'tls-key';
		throw new CaissonError('configuration-invalid', `${missing} is needed for https (${origin(missing)})`);
	}
	return { certificate, key, ca, crl };
}

const day = 86_400_000;

function warnOfExpiry(log: Logger, expiry: number): void {
	const days = Math.floor((expiry - Date.now()) / day);
	if (days < 0) log.error({ expired: new Date(expiry).toISOString() }, 'the TLS certificate has expired');
	else if (days < 30) log.warn({ expires: new Date(expiry).toISOString(), days }, 'the TLS certificate expires soon');
}
