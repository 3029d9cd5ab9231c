// What the repository service needs of a key that it may use by itself: the online key. It leaves out where the key is;
// src/outside/signer has keys in files and in tokens.

import type { TrustKey } from './rules/metadata/model.ts';

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
