// Which client certificates are believed: those that TLS has verified on the connection, and those that a trusted proxy
// passes on, which are verified here. Both are looked at again with every request, as a connection may outlive its
// certificate. It leaves out the handshake (listeners.ts) and what the names mean (src/web/client-certificate.ts).

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { AccessDenial } from '../../src/web/authentication.ts';
import { type CertificateFacts, certificateFacts, type DeviceIdentityForm } from '../../src/web/client-certificate.ts';
import type { PortGuard } from '../../src/web/port-guard.ts';
import type { ProxiedFacts } from '../../src/web/trusted-proxy.ts';
import { certificateKey } from './revocation.ts';

/** What the files say at a moment; another object after each change. */
export interface CertificateTrust {
	/** The certificates of --tls-ca. */
	readonly authorities: readonly X509Certificate[];
	/** Revoked certificates, as certificateKey names them. */
	readonly revoked: ReadonlySet<string>;
}

interface Judged {
	readonly trust: CertificateTrust;
	readonly facts: CertificateFacts;
	readonly denial: AccessDenial | undefined;
}

export function certificateReader(
	trust: () => CertificateTrust,
	form: DeviceIdentityForm,
	now: () => number,
): PortGuard['certificateOf'] {
	// What was found out about a certificate holds until the files change; only the time goes on.
	const known = new WeakMap<object, Judged>();
	const judge = (holder: object, certificate: () => X509Certificate, passedOn: boolean) => {
		const current = trust();
		let judged = known.get(holder);
		if (judged === undefined || judged.trust !== current) {
			const read = certificate();
			const facts = judged?.facts ?? certificateFacts(read, form);
			judged = { trust: current, facts, denial: judgeOnce(read, current, passedOn) };
			known.set(holder, judged);
		}
		const { facts, denial } = judged;
		return denial ?? judgeTime(facts, now()) ?? facts;
	};
	return (request, proxied) => {
		if (proxied.proxied) return passedOn(proxied, judge);
		const { socket } = request;
		if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
		// What TLS has authorized has a certificate.
		return judge(socket, () => socket.getPeerX509Certificate() as X509Certificate, false);
	};
}

function passedOn(
	{ certificate }: ProxiedFacts,
	judge: (holder: object, certificate: () => X509Certificate, passedOn: boolean) => CertificateFacts | AccessDenial,
): CertificateFacts | AccessDenial | undefined {
	if (certificate === undefined) return undefined;
	if (certificate === 'unreadable') return unusable('Client-Cert is no certificate as RFC 9440 writes it');
	return judge(certificate, () => certificate, true);
}

/** RFC 5280, section 4.2.1.12: id-kp-clientAuth. */
const clientAuthentication = '1.3.6.1.5.5.7.3.2';

/** TLS has verified the chain of a connection's own certificate; of one that was passed on, nobody here has. */
function judgeOnce(
	certificate: X509Certificate,
	{ authorities, revoked }: CertificateTrust,
	passedOn: boolean,
): AccessDenial | undefined {
	if (revoked.size > 0 && revoked.has(certificateKey(certificate.raw))) {
		const message = 'the client certificate has been revoked';
		return { reason: 'certificate-revoked', code: 'not-authenticated', message };
	}
	if (!passedOn) return undefined;
	const issued = authorities.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
	if (!issued) return unusable('the client certificate is not of the CA that devices have');
	// keyUsage of Node holds the extended ones.
	const usage: readonly string[] | undefined = certificate.keyUsage;
	if (usage !== undefined && !usage.includes(clientAuthentication))
		return unusable('the certificate is not for clients');
	return undefined;
}

function judgeTime({ notBefore, notAfter }: CertificateFacts, now: number): AccessDenial | undefined {
	if (now >= notBefore && now <= notAfter) return undefined;
	const message = 'the client certificate is not valid at this time';
	return { reason: 'certificate-expired', code: 'not-authenticated', message };
}

function unusable(message: string): AccessDenial {
	return { reason: 'unusable-certificate', code: 'not-authenticated', message };
}

/** Whether the certificate of an open connection has been revoked since its handshake. */
export function isRevoked(socket: Socket, { revoked }: CertificateTrust): boolean {
	if (!(socket instanceof TLSSocket) || revoked.size === 0) return false;
	const certificate = socket.getPeerX509Certificate();
	return certificate !== undefined && revoked.has(certificateKey(certificate.raw));
}
