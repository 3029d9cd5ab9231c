// What the repository service and the ceremony need of keys that they sign with. It leaves out where a key is:
// src/outside/signer has keys in files and in tokens.

import type { KeyKind } from './rules/metadata/keys.ts';
import type { TrustKey } from './rules/metadata/model.ts';

/** A key that the server may use by itself. */
export interface OnlineSigner {
	/** As the root lists it. */
	readonly keyid: string;
	readonly key: TrustKey;
	/**
	 * The signature over `payload`, by the scheme of `key`.
	 * @throws CaissonError key-unusable
	 */
	sign(payload: Uint8Array): Promise<Uint8Array>;
}

/** A key as it was opened; `keyid` is the default id of the key. */
export interface TrustSigner extends OnlineSigner {
	readonly kind: KeyKind;
	/** For messages: the name of the file, or the URI of the key without module and PIN. */
	readonly name: string;
}

/** Where a key is, and what opens it. */
export interface TrustKeyFiles {
	/** A PEM file, or the PKCS#11 URI (RFC 7512) of a key in a token. */
	readonly key: string;
	/** A file whose first line is the passphrase of the key. */
	readonly passphraseFile?: string;
	/** A file (0600) whose first line is the PIN of the token. */
	readonly pinFile?: string;
	/** The PKCS#11 module of the token's maker. */
	readonly module?: string;
	/** Told of what is unwise but works: a key file that others can read. */
	readonly warn?: (message: string) => void;
}

/** Kinds as people name them on the command line. */
export const newKeyKinds = ['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'rsa', 'ml-dsa-65'] as const;
export type NewKeyKind = (typeof newKeyKinds)[number];

export interface MadeKey {
	readonly keyid: string;
	readonly key: TrustKey;
	/** The PEM file, or the URI of the key in its token. */
	readonly name: string;
}

export interface FoundTokenKey {
	readonly uri: string;
	readonly label: string;
	/** Undefined for kinds that cannot sign trust metadata. */
	readonly kind: NewKeyKind | undefined;
}

/** What the commands need of private keys, wherever they are. Nothing is retried, a PIN least of all. */
export interface TrustKeys {
	/** @throws CaissonError key-unusable, file-unusable, token-unusable, token-pin-refused, tool-missing */
	open(files: TrustKeyFiles): Promise<TrustSigner>;
	/**
	 * Makes a key and writes it to `file` (PEM, encrypted, 0600), which must not exist; durable on return.
	 * @throws CaissonError file-unusable, key-unusable
	 */
	create(file: string, kind: NewKeyKind, passphraseFile: string): Promise<MadeKey>;
	/**
	 * Makes a key in a token; it can never be taken out.
	 * @throws CaissonError like open; key-unusable where the token holds one of that name, or cannot have the kind
	 */
	createInToken(files: TrustKeyFiles, kind: NewKeyKind): Promise<MadeKey>;
	/** @throws CaissonError like open */
	listToken(files: TrustKeyFiles): Promise<readonly FoundTokenKey[]>;
	/** Whether signatures by this public key can be verified here: it is whole, and of the kind that it says. */
	isUsable(key: TrustKey): boolean;
}
