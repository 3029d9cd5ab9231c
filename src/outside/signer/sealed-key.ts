// A private key under a passphrase: PKCS#8 (RFC 5958) encrypted with PBES2, scrypt (RFC 7914) and AES-256-CBC, which OpenSSL
// reads. Node writes PBKDF2 with 2,048 rounds only, which a graphics card guesses fast; so the envelope is made here. It leaves
// out reading: createPrivateKey does that.

import { createCipheriv, type KeyObject, randomBytes, scryptSync } from 'node:crypto';

// OWASP's parameters for 16 MiB; OpenSSL refuses to read what needs more than 32 MiB.
const cost = { N: 16384, r: 8, p: 5 };
const keyLength = 32;

const oids = {
	pbes2: '2a864886f70d01050d', // 1.2.840.113549.1.5.13
	scrypt: '2b06010401da47040b', // 1.3.6.1.4.1.11591.4.11
	aes256Cbc: '60864801650304012a', // 2.16.840.1.101.3.4.1.42
} as const;

/** PEM, `ENCRYPTED PRIVATE KEY`. @param passphrase not empty */
export function sealPrivateKey(key: KeyObject, passphrase: string): string {
	const salt = randomBytes(16);
	const iv = randomBytes(16);
	const secret = scryptSync(passphrase, salt, keyLength, { ...cost, maxmem: 64 << 20 });
	const cipher = createCipheriv('aes-256-cbc', secret, iv);
	const plain = key.export({ type: 'pkcs8', format: 'der' });
	const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
	plain.fill(0);
	secret.fill(0);
	const derivation = sequence(
		oid('scrypt'),
		sequence(octets(salt), integer(cost.N), integer(cost.r), integer(cost.p), integer(keyLength)),
	);
	const encryption = sequence(oid('aes256Cbc'), octets(iv));
	const der = sequence(sequence(oid('pbes2'), sequence(derivation, encryption)), octets(sealed));
	const lines = der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
	return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${lines}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

/** DER: tag, length, content (X.690, 8.1). */
function element(tag: number, content: Uint8Array): Buffer {
	const { length } = content;
	const digits = length.toString(16);
	const long = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
	const head = length < 0x80 ? [length] : [0x80 | long.length, ...long];
	return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...parts: readonly Uint8Array[]) => element(0x30, Buffer.concat(parts));
const octets = (bytes: Uint8Array) => element(0x04, bytes);
const oid = (name: keyof typeof oids) => element(0x06, Buffer.from(oids[name], 'hex'));

/** A positive integer: a leading zero keeps the first bit clear. */
function integer(value: number): Buffer {
	const hex = value.toString(16);
	const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
	return element(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]));
}
