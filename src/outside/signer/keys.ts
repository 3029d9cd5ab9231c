// Keys and certificates in files, as the commands of updates need them (see src/update/signer.ts).

import type { Keys } from '../../update/signer.ts';
import { openFileSigner } from './file.ts';
import { createTestKey } from './test-key.ts';
import { signersOf, verifySignature } from './verify.ts';

export const fileKeys: Keys = { openSigner: openFileSigner, createTestKey, signersOf, verify: verifySignature };
