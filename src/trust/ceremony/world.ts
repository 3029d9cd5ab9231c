// What a ceremony needs of the world besides files: keys, time, hashing and verifying.

import type { StandingWorld } from '../rules/ceremony/standing.ts';
import type { TrustKeys } from '../signer.ts';

export interface CeremonyWorld extends StandingWorld {
	readonly keys: TrustKeys;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
}
