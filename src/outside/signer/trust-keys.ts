// Makes and finds the keys that sign trust metadata, in files and in tokens, as the commands need them (src/trust/signer.ts).
// It leaves out what is done with them, and the form of a sealed file (sealed-key.ts).

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import { keyIdOf } from '../../trust/rules/metadata/keys.ts';
import type { FoundTokenKey, MadeKey, NewKeyKind, TrustKeyFiles, TrustKeys } from '../../trust/signer.ts';
import { createTokenKey, listTokenKeys } from './pkcs11.ts';
import { sealPrivateKey } from './sealed-key.ts';
import { readSecret } from './secret-file.ts';
import type { KeyKind } from './signing-key.ts';
import { openTrustSigner } from './trust-signer.ts';
import { canVerify, trustKeyOf, trustSha256 } from './trust-verify.ts';

export const trustKeys: TrustKeys = {
	open: openTrustSigner,
	create: createKeyFile,
	createInToken: createKeyInToken,
	listToken: listTrustTokenKeys,
	isUsable: canVerify,
};

async function createKeyFile(file: string, kind: NewKeyKind, passphraseFile: string): Promise<MadeKey> {
	const passphrase = await readSecret(passphraseFile, 'passphrase');
	// Node cuts nothing, but refuses longer ones when the key is read again.
	if (Buffer.byteLength(passphrase) > 1024) {
		throw new CaissonError('key-unusable', `The passphrase in ${passphraseFile} is longer than 1024 bytes.`);
	}
	const privateKey = newPrivateKey(kind);
	await writeNew(file, sealPrivateKey(privateKey, passphrase));
	return { ...entryOf(createPublicKey(privateKey)), name: file };
}

function newPrivateKey(kind: NewKeyKind): KeyObject {
	switch (kind) {
		case 'ed25519':
			return generateKeyPairSync('ed25519').privateKey;
		case 'ecdsa-p256':
			return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
		case 'ecdsa-p384':
			return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
		case 'rsa':
			return generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
		case 'ml-dsa-65':
			try {
				return generateKeyPairSync('ml-dsa-65').privateKey;
			} catch (cause) {
				throw new CaissonError('key-unusable', 'This Node has no ML-DSA: its OpenSSL must be 3.5 or later.', { cause });
			}
	}
}

async function writeNew(file: string, text: string): Promise<void> {
	try {
		const handle = await open(file, 'wx', 0o600);
		try {
			await handle.writeFile(text);
			await handle.sync();
		} catch (error) {
			await rm(file, { force: true });
			throw error;
		} finally {
			await handle.close();
		}
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		const reason = code === 'EEXIST' ? 'it exists already, and is not overwritten' : (code ?? String(cause));
		throw new CaissonError('file-unusable', `The key ${file} cannot be written (${reason}).`, { cause });
	}
}

const tokenKinds: Readonly<Partial<Record<NewKeyKind, KeyKind>>> = {
	'ecdsa-p256': 'p256',
	'ecdsa-p384': 'p384',
	rsa: 'rsa',
};

async function createKeyInToken({ key: uri, ...files }: TrustKeyFiles, kind: NewKeyKind): Promise<MadeKey> {
	const tokenKind = tokenKinds[kind];
	if (tokenKind === undefined) {
		throw new CaissonError(
			'key-unusable',
			`A key in a token cannot be ${kind} here: tokens sign a hash, so take ecdsa-p256, ecdsa-p384 or rsa.`,
		);
	}
	const made = await createTokenKey(uri, { kind: tokenKind }, tokenOptions(files));
	return { ...entryOf(made.publicKey), name: made.name };
}

const kindNames: Readonly<Partial<Record<KeyKind, NewKeyKind>>> = {
	p256: 'ecdsa-p256',
	p384: 'ecdsa-p384',
	rsa: 'rsa',
};

async function listTrustTokenKeys({ key: uri, ...files }: TrustKeyFiles): Promise<FoundTokenKey[]> {
	const found = await listTokenKeys(uri, tokenOptions(files));
	return found.map(({ kind, label, ...key }) => ({
		...{ uri: key.uri, label },
		kind: kind === undefined ? undefined : kindNames[kind],
	}));
}

function tokenOptions({ pinFile, module }: Omit<TrustKeyFiles, 'key'>) {
	return { ...(pinFile === undefined ? {} : { pinFile }), ...(module === undefined ? {} : { module }) };
}

function entryOf(publicKey: KeyObject): Pick<MadeKey, 'key' | 'keyid'> {
	const key = trustKeyOf(publicKey);
	return { key, keyid: keyIdOf(key, trustSha256) };
}
