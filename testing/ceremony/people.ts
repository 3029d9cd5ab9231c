// People with keys for tests of ceremonies: private keys without a passphrase, which is quick, and the public files that are
// handed on. It leaves out how real keys are made (src/outside/signer/trust-keys.ts).

import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { trustKeyOf, trustSha256 } from '../../src/outside/signer/trust-verify.ts';
import { keyEntryText } from '../../src/trust/rules/ceremony/key-entry.ts';
import { keyIdOf } from '../../src/trust/rules/metadata/keys.ts';

/** Writes FOLDER/NAME.pem and FOLDER/NAME.public.json. @returns the id of the key */
export function writePerson(folder: string, name: string, kind: 'ed25519' | 'ml-dsa-65' = 'ed25519'): string {
	mkdirSync(folder, { recursive: true });
	const { privateKey, publicKey } =
		kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-65');
	const key = trustKeyOf(publicKey);
	const keyid = keyIdOf(key, trustSha256);
	writeFileSync(join(folder, `${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
	writeFileSync(join(folder, `${name}.public.json`), keyEntryText({ label: name, keyid, key }));
	return keyid;
}
