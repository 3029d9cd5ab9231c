// What packing and checking need of keys and certificates, wherever the key is: in a file today, in a PKCS#11 token or
// with an offline person later. It leaves out how keys are found; src/outside/signer holds the implementations.

export type CertificatePurpose = 'emailProtection' | 'codeSigning';

/** What a certificate says, as far as SWUpdate and a person care. */
export interface CertificateFacts {
	/** Distinguished name, one line: CN=Example, O=Example AG. */
	readonly subject: string;
	readonly issuer: string;
	/** Hexadecimal, upper case. */
	readonly serial: string;
	/** RFC 3339. */
	readonly notBefore: string;
	readonly notAfter: string;
	/** SHA-256 over the DER of the certificate, lower-case hexadecimal. */
	readonly fingerprint: string;
	/** For example RSA 3072, or EC P-256. */
	readonly key: string;
	/** The purposes that SWUpdate would accept this certificate for (its --cert-purpose). */
	readonly purposes: readonly CertificatePurpose[];
}

export interface Signer {
	readonly certificate: CertificateFacts;
	/** True where the same content always gives the same signature (RSA PKCS #1 v1.5; not ECDSA). */
	readonly reproducible: boolean;
	/**
	 * A detached CMS SignedData (RFC 5652) over `content`, DER, without signed attributes, so without a signing time.
	 * @throws CaissonError key-unusable
	 */
	sign(content: Uint8Array): Promise<Uint8Array>;
}

/** How a signer whose key is in a file is opened. */
export interface KeyFiles {
	readonly keyFile: string;
	readonly certificateFile: string;
	/** A file whose first line is the passphrase of the key. */
	readonly passphraseFile?: string;
	/** What the devices check (SWUpdate's --cert-purpose); emailProtection by default, as in SWUpdate. */
	readonly purpose?: CertificatePurpose;
	/** Told of what is unwise but works: a key file that others can read. */
	readonly warn?: (message: string) => void;
}

export interface TestKey {
	readonly keyFile: string;
	readonly certificateFile: string;
}

export interface TestKeyOptions {
	/** Milliseconds since the epoch: the certificate is valid from a day before, for a year. */
	readonly now: number;
	/** The common name; by default it says that this is a key for trials. */
	readonly commonName?: string;
	/** RSA modulus; 3072 by default. */
	readonly bits?: 2048 | 3072 | 4096;
}

/** What checking a detached CMS signature gave. `signers` are those that the signature names, as far as it carries them. */
export type SignatureVerdict =
	| { readonly valid: true; readonly signers: readonly CertificateFacts[] }
	| { readonly valid: false; readonly reason: string; readonly signers: readonly CertificateFacts[] };

export interface Trust {
	/** PEM (one or several) or DER: what a device is given with -k. */
	readonly certificateFile: string;
	/** Milliseconds since the epoch: the certificates must be valid then. */
	readonly now: number;
	/** What the signer's certificate must be for; emailProtection by default. */
	readonly purpose?: CertificatePurpose;
}

/** What the commands need of keys and certificates. Nothing is retried; every method reads its files anew. */
export interface Keys {
	/** @throws CaissonError key-unusable, file-unusable */
	openSigner(files: KeyFiles): Promise<Signer>;
	/**
	 * Writes DIRECTORY/test-key.pem (0600) and DIRECTORY/test-certificate.pem, overwriting nothing.
	 * @throws CaissonError file-unusable
	 */
	createTestKey(directory: string, options: TestKeyOptions): Promise<TestKey>;
	/**
	 * The certificates of the signers of a CMS signature; empty where it carries none. Nothing is checked.
	 * @throws CaissonError update-malformed where it is no CMS signature
	 */
	signersOf(signature: Uint8Array): readonly CertificateFacts[];
	/**
	 * Whether every signer signed exactly `content` and is trusted, as SWUpdate built with OpenSSL decides it.
	 * @throws CaissonError file-unusable, key-unusable for the certificate file; update-malformed for the signature
	 */
	verify(signature: Uint8Array, content: Uint8Array, trust: Trust): Promise<SignatureVerdict>;
}
