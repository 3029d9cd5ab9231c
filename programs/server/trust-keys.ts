// The keys with which a server signs trust metadata by itself: --trust-key and what opens them. A server without any serves
// and stores metadata, and signs nothing.

import type { Logger } from 'pino';
import { CaissonError } from '../../src/errors.ts';
import { openTrustSigner } from '../../src/outside/signer/trust-signer.ts';
import type { TrustSigner } from '../../src/trust/signer.ts';
import type { Configuration } from './configuration.ts';

/** @throws CaissonError what opening a key throws; configuration-invalid where two are the same key */
export async function openTrustKeys({ values }: Configuration, log: Logger): Promise<TrustSigner[]> {
	const passphraseFile = values['trust-passphrase-file'];
	const pinFile = values['trust-pin-file'];
	const module = values['trust-pkcs11-module'];
	const signers: TrustSigner[] = [];
	for (const key of values['trust-key']) {
		const signer = await openTrustSigner({
			key,
			...(passphraseFile !== undefined && { passphraseFile }),
			...(pinFile !== undefined && { pinFile }),
			...(module !== undefined && { module }),
			warn: (message) => log.warn(message),
		});
		const same = signers.find(({ keyid }) => keyid === signer.keyid);
		if (same !== undefined) {
			throw new CaissonError('configuration-invalid', `trust-key: ${same.name} and ${signer.name} are the same key`);
		}
		log.info({ key: signer.name, keyid: signer.keyid, kind: signer.kind }, 'signs trust metadata');
		signers.push(signer);
	}
	return signers;
}
