// What packing, signing and checking need of keys and certificates, wherever the key is: in a file or in a PKCS#11 token.
// It leaves out how keys are found; src/outside/signer holds the implementations.

/**
 * The forms of sw-description.sig, of which a build of SWUpdate knows one (its Kconfig, "Choose an algorithm to verify
 * images"). cms: detached SignedData (CONFIG_SIGALG_CMS), what Debian builds. rsa: the bare RSA signature over SHA-256,
 * PKCS #1 v1.5 (SIGALG_RAWRSA), or with PSS (SIGALG_RSAPSS).
 */
export const signatureKinds = ['cms', 'rsa', 'rsa-pss'] as const;
export type SignatureKind = (typeof signatureKinds)[number];

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

/** What is known of a signer that no certificate names: raw signatures. */
export interface PublicKeyFacts {
	/** For example RSA 3072. */
	readonly key: string;
	/** SHA-256 over the DER of the SubjectPublicKeyInfo, lower-case hexadecimal. */
	readonly publicKey: string;
}

export type SignerFacts = CertificateFacts | PublicKeyFacts;

/** A signer in one line, for people. */
export function signerLine(signer: SignerFacts): string {
	if ('subject' in signer) return `${signer.subject} (${signer.key})`;
	return `the public key ${signer.publicKey} (${signer.key})`;
}

export interface Signer {
	readonly kind: SignatureKind;
	/** More than one only for cms. */
	readonly signers: readonly SignerFacts[];
	/** True where the same content always gives the same signature (RSA PKCS #1 v1.5; neither ECDSA nor PSS). */
	readonly reproducible: boolean;
	/**
	 * What becomes sw-description.sig. For cms a detached SignedData (RFC 5652) over `content`, DER, without signed
	 * attributes, so without a signing time.
	 * @throws CaissonError key-unusable, token-unusable, token-pin-refused
	 */
	sign(content: Uint8Array): Promise<Uint8Array>;
}

/** How a signer is opened. */
export interface KeyFiles {
	/** A PEM file, or the PKCS#11 URI (RFC 7512) of a key in a token. */
	readonly keyFile: string;
	/** Needed for cms; where it is given for the raw kinds, it must belong to the key. */
	readonly certificateFile?: string;
	/** A file whose first line is the passphrase of the key. */
	readonly passphraseFile?: string;
	/** A file (0600) whose first line is the PIN of the token. */
	readonly pinFile?: string;
	/** The PKCS#11 module of the token's maker. */
	readonly module?: string;
	/** cms by default. */
	readonly signature?: SignatureKind;
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

/** What a signature says of itself, unchecked. A raw one says nothing but its length. */
export type SignatureFacts =
	| { readonly kind: 'cms'; readonly signers: readonly CertificateFacts[] }
	| { readonly kind: 'raw'; readonly bits: number };

/** What checking a signature gave. `signers` are those that the signature names, as far as it carries them. */
export type SignatureVerdict = {
	readonly kind: SignatureKind;
	readonly signers: readonly SignerFacts[];
} & ({ readonly valid: true } | { readonly valid: false; readonly reason: string });

export type Trust = {
	/** Milliseconds since the epoch: the certificates must be valid then. */
	readonly now: number;
	/** What the signer's certificate must be for; emailProtection by default. any: as SWUpdate with wolfSSL, which does not look. */
	readonly purpose?: CertificatePurpose | 'any';
} & (
	| {
			/** PEM (one or several) or DER: what a device is given with -k where it checks CMS. */
			readonly certificateFile: string;
	  }
	| {
			/** PEM: what a device is given with -k where it checks raw RSA signatures. */
			readonly publicKeyFile: string;
	  }
);

/** What the commands need of keys and certificates. Nothing is retried; every method reads its files anew. */
export interface Keys {
	/**
	 * @param more further signers of one CMS signature
	 * @throws CaissonError key-unusable, file-unusable, token-unusable, token-pin-refused, tool-missing
	 */
	openSigner(files: KeyFiles, ...more: readonly KeyFiles[]): Promise<Signer>;
	/**
	 * Writes DIRECTORY/test-key.pem (0600) and DIRECTORY/test-certificate.pem, overwriting nothing.
	 * @throws CaissonError file-unusable
	 */
	createTestKey(directory: string, options: TestKeyOptions): Promise<TestKey>;
	/**
	 * What a signature says of itself: for cms the certificates of its signers that it carries. Nothing is checked.
	 * @throws CaissonError update-malformed where it is no signature that SWUpdate knows
	 */
	signatureFacts(signature: Uint8Array): SignatureFacts;
	/**
	 * Whether every signer signed exactly `content` and is trusted, as SWUpdate built with OpenSSL decides it.
	 * @throws CaissonError file-unusable, key-unusable for the certificate or key file; update-malformed for the signature
	 */
	verify(signature: Uint8Array, content: Uint8Array, trust: Trust): Promise<SignatureVerdict>;
}
