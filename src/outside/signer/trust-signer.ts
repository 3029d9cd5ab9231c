// Opens what signs trust metadata: a key in a PEM file or in a PKCS#11 token, with the entry that documents list for it. It
// checks every signature with the public key before it is handed on, as a device will. It leaves out what is signed, and
// making keys (trust-key.ts).

import { createHash, createPublicKey, type KeyObject, sign as signWithNode } from 'node:crypto';
import { CaissonError } from '../../errors.ts';
import { type KeyKind, keyIdOf, keyKind, mlDsaMessage } from '../../trust/rules/metadata/keys.ts';
import type { TrustKey } from '../../trust/rules/metadata/model.ts';
import type { TrustKeyFiles, TrustSigner } from '../../trust/signer.ts';
import { readPrivateKey } from './file.ts';
import { openTokenKey } from './pkcs11.ts';
import { isPkcs11Uri } from './pkcs11-uri.ts';
import { type SigningKey, type SigningScheme, withPadding } from './signing-key.ts';
import { trustKeyOf, trustSha256, verifyTrustSignature } from './trust-verify.ts';

/**
 * Opens the key that `files` names. Its id is the default one (clause 4.2); a document that lists the key under another
 * id is for the caller to notice (keyIdentity).
 * @throws CaissonError key-unusable, file-unusable, token-unusable, token-pin-refused, tool-missing
 */
export async function openTrustSigner(files: TrustKeyFiles): Promise<TrustSigner> {
	return isPkcs11Uri(files.key) ? await openToken(files) : await openFile(files);
}

async function openFile(files: TrustKeyFiles): Promise<TrustSigner> {
	const { key: keyFile, passphraseFile, warn } = files;
	const privateKey = await readPrivateKey({
		keyFile,
		...(passphraseFile === undefined ? {} : { passphraseFile }),
		...(warn === undefined ? {} : { warn }),
	});
	const key = entryOf(createPublicKey(privateKey), keyFile);
	const kind = kindOfEntry(key);
	return signerOf(key, keyFile, async (payload) => signWithFile(kind, privateKey, payload));
}

function signWithFile(kind: KeyKind, key: KeyObject, payload: Uint8Array): Uint8Array {
	switch (kind) {
		case 'ed25519':
			return signWithNode(null, payload, key);
		case 'ecdsa-p256':
			return signWithNode('sha256', payload, key);
		case 'ecdsa-p384':
			return signWithNode('sha384', payload, key);
		case 'rsa-pss-sha256':
			return signWithNode('sha256', payload, withPadding('rsa-pss-sha256', key));
		case 'ml-dsa-65':
			return signWithNode(null, mlDsaMessage(payload, sha512), key);
	}
}

const tokenSchemes: Readonly<Record<SigningKey['kind'], SigningScheme>> = {
	rsa: 'rsa-pss-sha256',
	p256: 'ecdsa-p256-sha256',
	p384: 'ecdsa-p384-sha384',
	ed25519: 'ed25519',
};

async function openToken({ key: uri, pinFile, module }: TrustKeyFiles): Promise<TrustSigner> {
	const token = await openTokenKey(uri, {
		...(pinFile === undefined ? {} : { pinFile }),
		...(module === undefined ? {} : { module }),
	});
	const key = entryOf(token.publicKey, token.name);
	return signerOf(key, token.name, (payload) => token.sign(tokenSchemes[token.kind], payload));
}

function signerOf(key: TrustKey, name: string, sign: (payload: Uint8Array) => Promise<Uint8Array>): TrustSigner {
	return {
		keyid: keyIdOf(key, trustSha256),
		key,
		kind: kindOfEntry(key),
		name,
		async sign(payload) {
			const signature = new Uint8Array(await sign(payload));
			// A fault while signing can give away an RSA key, and a document that nobody accepts costs a second ceremony.
			if (verifyTrustSignature(key, payload, signature)) return signature;
			throw new CaissonError('key-unusable', `The signature by ${name} does not verify: it is thrown away.`);
		},
	};
}

function entryOf(publicKey: KeyObject, name: string): TrustKey {
	try {
		return trustKeyOf(publicKey);
	} catch (cause) {
		if (!(cause instanceof CaissonError)) throw cause;
		throw new CaissonError('key-unusable', `The key ${name} cannot be used: ${cause.message}.`, { cause });
	}
}

function kindOfEntry(key: TrustKey): KeyKind {
	const kind = keyKind(key);
	if (kind === undefined) throw new CaissonError('internal', `no kind for ${key.keytype}/${key.scheme}`);
	return kind;
}

function sha512(bytes: Uint8Array): Uint8Array {
	return createHash('sha512').update(bytes).digest();
}
