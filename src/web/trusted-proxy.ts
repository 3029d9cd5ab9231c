// What a proxy in front may say of a request: the address it came from (X-Forwarded-For) and the client certificate that
// it was sent with (Client-Cert, RFC 9440). It is believed only from the addresses named by --trusted-proxy; from
// everybody else these headers are removed before anything reads them.

import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** An address, or a network in the notation of CIDR. @throws RangeError */
export function parseNetwork(text: string): string {
	const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
	const family = isIP(address);
	if (family === 0) throw new RangeError(`'${text}' is neither an IP address nor a network such as 10.0.0.0/8`);
	const most = family === 4 ? 32 : 128;
	if (prefix !== undefined && (Number(prefix) > most || Number(prefix) === 0)) {
		throw new RangeError(`'${text}': the prefix is a number from 1 to ${most}`);
	}
	return text.toLowerCase();
}

export interface ProxiedFacts {
	/** Where the request came from, as far as it is known; absent on a unix socket. */
	readonly remoteAddress: string | undefined;
	/** A trusted proxy sent it. */
	readonly proxied: boolean;
	/** The certificate that the proxy passed on; 'unreadable' where it passed on something else. */
	readonly certificate: X509Certificate | 'unreadable' | undefined;
}

/** All that a proxy may set and that a client must not. */
const proxyHeaders = ['x-forwarded-for', 'client-cert', 'client-cert-chain', 'forwarded', 'x-real-ip'] as const;

export class TrustedProxies {
	readonly #list = new BlockList();
	readonly #certificates = new Map<string, X509Certificate>();

	/** @param networks as parseNetwork returns them */
	constructor(networks: readonly string[]) {
		for (const network of networks) {
			const [address = '', prefix] = network.split('/');
			const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
			if (prefix === undefined) this.#list.addAddress(address, family);
			else this.#list.addSubnet(address, Number(prefix), family);
		}
	}

	/** Reads what a trusted proxy says; takes it out of the request where nobody is believed. */
	read(request: IncomingMessage): ProxiedFacts {
		const peer = plainAddress(request.socket.remoteAddress);
		if (peer === undefined || !this.#trusts(peer)) {
			for (const name of proxyHeaders) delete request.headers[name];
			return { remoteAddress: peer, proxied: false, certificate: undefined };
		}
		const values = request.headersDistinct;
		return {
			remoteAddress: this.#origin(values['x-forwarded-for'] ?? [], peer),
			proxied: true,
			certificate: this.#certificate(values['client-cert']),
		};
	}

	#trusts(address: string): boolean {
		return this.#list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
	}

	/**
	 * From the right, as each proxy appends whom it heard from: the first address that is no trusted proxy. What stands
	 * to the left of it was written by whoever sent the request.
	 */
	#origin(headers: readonly string[], peer: string): string {
		let origin = peer;
		for (const item of headers.join(',').split(',').reverse()) {
			const address = plainAddress(item.trim().replace(/^\[(.*)\](:\d+)?$/, '$1'));
			if (address === undefined || isIP(address) === 0) return origin;
			origin = address;
			if (!this.#trusts(address)) return origin;
		}
		return origin;
	}

	/** RFC 9440, section 2.2: the certificate as DER, a byte sequence of RFC 8941 (base64 between colons). */
	#certificate(values: readonly string[] | undefined): ProxiedFacts['certificate'] {
		if (values === undefined) return undefined;
		const [value = ''] = values;
		const known = values.length === 1 ? this.#certificates.get(value) : undefined;
		if (known !== undefined) return known;
		const encoded = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value.trim())?.[1];
		if (values.length !== 1 || encoded === undefined) return 'unreadable';
		try {
			const certificate = new X509Certificate(Buffer.from(encoded, 'base64'));
			if (this.#certificates.size >= mostCertificates) this.#certificates.clear();
			this.#certificates.set(value, certificate);
			return certificate;
		} catch {
			return 'unreadable';
		}
	}
}

/** Certificates that proxies passed on, kept so that each is read once. */
const mostCertificates = 5000;

/** An IPv4 address as a socket for both families shows it (RFC 4291, section 2.5.5.2), without the prefix. */
export function plainAddress(address: string | undefined): string | undefined {
	return address?.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}
