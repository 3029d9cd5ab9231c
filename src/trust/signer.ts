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
