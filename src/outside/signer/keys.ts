// Keys in files and tokens, and certificates, as the commands of updates need them (see src/update/signer.ts).

import type { Keys } from '../../update/signer.ts';
import { openSigner } from './open.ts';
import { createTestKey } from './test-key.ts';
import { signatureFacts, verifySignature } from './verify.ts';

export const fileKeys: Keys = { openSigner, createTestKey, signatureFacts, verify: verifySignature };
