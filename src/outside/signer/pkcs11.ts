// Keys that never leave a PKCS#11 token: an HSM, a smart card, SoftHSM. It decides which key a URI means (exactly one, or
// an error), how each way of signing is asked of a token, and that every signature is checked with the public key before it is
// handed on. Hashing is done here, so that a token sees a few bytes, however large the message. It leaves out what is signed.

import { createHash, createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { CaissonError } from '../../errors.ts';
import {
	askToken,
	listObjects,
	listTokens,
	type TokenAddress,
	type TokenFacts,
	type TokenObject,
} from './pkcs11-tool.ts';
import { formatPkcs11Uri, type Pkcs11Uri, parsePkcs11Uri } from './pkcs11-uri.ts';
import { credentialFile, readSecret } from './secret-file.ts';
import {
	isSignature,
	type KeyKind,
	kindOf,
	type SigningKey,
	type SigningScheme,
	signatureSchemes,
} from './signing-key.ts';
import { asn1Signature, edwardsPublicKey, ellipticPublicKey, sha256DigestInfo } from './token-encodings.ts';

/** Name of the systemd credential (systemd.exec(5), LoadCredential=) that holds the PIN where no file is named. */
export const pinCredential = 'caisson-token-pin';

export interface TokenOptions {
	/** The module of the token's maker; wins over module-path of the URI. */
	readonly module?: string;
	/** A file (0600) whose first line is the PIN; wins over pin-source of the URI and over the systemd credential. */
	readonly pinFile?: string;
	/** CREDENTIALS_DIRECTORY is read from it; the environment of this process by default. */
	readonly environment?: Readonly<Record<string, string | undefined>>;
	readonly signal?: AbortSignal;
}

/** A private key in a token. `name` is its URI with token, serial number, label and id. */
export type TokenKey = SigningKey;

export interface ListedTokenKey {
	readonly uri: string;
	readonly label: string;
	/** CKA_ID, hexadecimal. */
	readonly id: string;
	/** Undefined for kinds that cannot be used here. */
	readonly kind: KeyKind | undefined;
}

export interface NewTokenKey {
	readonly kind: KeyKind;
	/** Modulus of an RSA key; 3072 by default. */
	readonly bits?: 2048 | 3072 | 4096;
}

/**
 * Opens the one private key that `uri` (RFC 7512) names. The PIN is tried at most once a call, and not at all where
 * the token says that another wrong one would lock it.
 * @throws CaissonError key-unusable (URI, no such key, several), token-unusable (module, token), token-pin-refused,
 * file-unusable (the file with the PIN), tool-missing
 */
export async function openTokenKey(uri: string, options: TokenOptions = {}): Promise<TokenKey> {
	const parsed = parsePkcs11Uri(uri);
	const { address, token } = await logIn(parsed, options);
	return await findKey(parsed, token, address, await listObjects(address));
}

/**
 * Makes a key pair in the token; the private key can then neither be read nor taken out. The URI gives token and label
 * (object), and an id where it should not be random.
 * @throws CaissonError like openTokenKey; key-unusable where the token holds a key of that label or id already
 */
export async function createTokenKey(uri: string, key: NewTokenKey, options: TokenOptions = {}): Promise<TokenKey> {
	const parsed = parsePkcs11Uri(uri);
	if (parsed.object === undefined) throw unusable('The PKCS#11 URI of a new key needs a label: object=NAME.');
	const { address, token } = await logIn(parsed, options);
	const id = parsed.id ?? randomBytes(8).toString('hex');
	const taken = (await listObjects(address)).find((each) => each.label === parsed.object || each.id === id);
	if (taken !== undefined) {
		throw unusable(`The token ${token.label} holds ${uriOf(token, taken)} already; it is not overwritten.`);
	}
	const type = key.kind === 'rsa' ? `rsa:${key.bits ?? 3072}` : keyTypes[key.kind];
	const words = ['--keypairgen', '--key-type', type, '--label', parsed.object, '--id', id];
	await askToken(address, [...words, '--usage-sign', '--sensitive', '--private']);
	return await findKey({ object: parsed.object, id }, token, address, await listObjects(address));
}

const keyTypes = { p256: 'EC:prime256v1', p384: 'EC:secp384r1', ed25519: 'EC:edwards25519' } as const;

/** The private keys of the token that `uri` names, as far as it matches them. @throws CaissonError like openTokenKey */
export async function listTokenKeys(uri: string, options: TokenOptions = {}): Promise<ListedTokenKey[]> {
	const parsed = parsePkcs11Uri(uri);
	const { address, token } = await logIn(parsed, options);
	const objects = await listObjects(address);
	const keys: ListedTokenKey[] = [];
	for (const each of objects.filter((object) => object.type === 'private' && matches(parsed, object))) {
		const publicKey = await publicKeyOf(each, objects, address).catch((error: unknown) => {
			if (error instanceof CaissonError && error.code === 'key-unusable') return undefined;
			throw error;
		});
		const kind = publicKey === undefined ? undefined : kindOf(publicKey);
		keys.push({ uri: uriOf(token, each), label: each.label, id: each.id, kind });
	}
	return keys;
}

async function logIn(uri: Pkcs11Uri, options: TokenOptions): Promise<{ address: TokenAddress; token: TokenFacts }> {
	const module = options.module ?? uri.modulePath;
	if (module === undefined) {
		throw unusable(
			'The PKCS#11 URI names no module: pass --pkcs11-module FILE, or end the URI with ?module-path=FILE (the library of ' +
				'the token’s maker, for SoftHSM /usr/lib/softhsm/libsofthsm2.so).',
		);
	}
	const signal = options.signal === undefined ? {} : { signal: options.signal };
	const token = chooseToken(uri, await listTokens({ module, ...signal }), module);
	const has = (flag: string) => token.flags.some((each) => each.toLowerCase() === flag);
	const slot = { module, slot: token.slot, ...signal };
	if (!has('login required')) return { address: slot, token };
	const pin = await readPin(uri, options);
	if (pin === undefined && has('pin pad present')) return { address: { ...slot, pin: '' }, token };
	if (pin === undefined) {
		throw pinRefused(
			`The token ${token.label} wants its PIN: name a file (0600) that holds it with --pin-file, or give a service ` +
				`the systemd credential ${pinCredential}.`,
		);
	}
	if (has('user pin locked')) {
		throw pinRefused(`The PIN of the token ${token.label} is locked: its security officer must set a new one.`);
	}
	if (has('final user pin try')) {
		throw pinRefused(
			`The token ${token.label} gives one last try before it locks, and it is left to you: log in once by hand ` +
				`(pkcs11-tool --module ${module} --slot ${token.slot} --login --list-objects).`,
		);
	}
	return { address: { ...slot, pin }, token };
}

async function readPin(uri: Pkcs11Uri, options: TokenOptions): Promise<string | undefined> {
	const environment = options.environment ?? process.env;
	const named = options.pinFile ?? uri.pinFile;
	const file = named ?? (await credentialFile(pinCredential, environment.CREDENTIALS_DIRECTORY));
	return file === undefined ? undefined : await readSecret(file, 'PIN');
}

function chooseToken(uri: Pkcs11Uri, tokens: readonly TokenFacts[], module: string): TokenFacts {
	const fits = (wanted: string | undefined, found: string) => wanted === undefined || wanted === found;
	const found = tokens.filter(
		(token) =>
			fits(uri.token, token.label) &&
			fits(uri.serial, token.serial) &&
			fits(uri.manufacturer, token.manufacturer) &&
			fits(uri.model, token.model) &&
			(uri.slotId === undefined || Number(token.slot) === uri.slotId),
	);
	const [token, ...others] = found;
	if (token === undefined) {
		const there = tokens.map(({ label }) => JSON.stringify(label)).join(', ');
		throw new CaissonError(
			'token-unusable',
			`${module} has no token that fits the PKCS#11 URI. ${there === '' ? 'It has none at all' : `It has ${there}`}.`,
		);
	}
	if (others.length > 0) {
		const serials = found.map(({ serial }) => serial).join(', ');
		throw unusable(`The PKCS#11 URI fits ${found.length} tokens: add serial= (they have ${serials}).`);
	}
	return token;
}

function matches(uri: Pkcs11Uri, object: TokenObject): boolean {
	return (uri.object === undefined || uri.object === object.label) && (uri.id === undefined || uri.id === object.id);
}

async function findKey(
	uri: Pkcs11Uri,
	token: TokenFacts,
	address: TokenAddress,
	objects: readonly TokenObject[],
): Promise<TokenKey> {
	const found = objects.filter((object) => object.type === 'private' && matches(uri, object));
	const [object, ...others] = found;
	if (object === undefined) {
		const there = objects.filter(({ type }) => type === 'private').map((each) => uriOf(token, each));
		throw unusable(
			`The token ${token.label} has no private key that fits the PKCS#11 URI. ` +
				(there.length === 0 ? 'It has none at all.' : `It has ${there.slice(0, 10).join(' ')}`),
		);
	}
	if (others.length > 0) {
		const uris = found.slice(0, 10).map((each) => uriOf(token, each));
		throw unusable(`The PKCS#11 URI fits ${found.length} keys: ${uris.join(' ')}. Name one by object= or id=.`);
	}
	const name = uriOf(token, object);
	const publicKey = await publicKeyOf(object, objects, address);
	const kind = kindOf(publicKey);
	if (kind === undefined) {
		throw unusable(`The key ${name} is of a kind that is not supported: RSA, ECDSA on P-256 or P-384, Ed25519 are.`);
	}
	return {
		publicKey,
		kind,
		name,
		sign: (scheme, message) => signWith({ publicKey, kind, name, object, address }, scheme, message),
	};
}

/** From the public key beside the private one, else from the certificate beside it. */
async function publicKeyOf(
	key: TokenObject,
	objects: readonly TokenObject[],
	address: TokenAddress,
): Promise<KeyObject> {
	const beside = (type: TokenObject['type']) =>
		objects.find((each) => each.type === type && each.id === key.id && (key.id !== '' || each.label === key.label));
	const publicObject = beside('public');
	try {
		if (publicObject?.point !== undefined && publicObject.parameters !== undefined) {
			return publicObject.algorithm === 'EC_EDWARDS'
				? edwardsPublicKey(publicObject.point)
				: ellipticPublicKey(publicObject.parameters, publicObject.point);
		}
		if (publicObject !== undefined) {
			const der = await askToken(address, ['--read-object', '--type', 'pubkey', ...selection(publicObject)]);
			return createPublicKey({ key: der, format: 'der', type: 'spki' });
		}
		const certificate = beside('certificate');
		if (certificate !== undefined) {
			const der = await askToken(address, ['--read-object', '--type', 'cert', ...selection(certificate)]);
			return new X509Certificate(der).publicKey;
		}
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		throw unusable(`The public key of ${key.label || key.id} in the token cannot be read.`, cause);
	}
	throw unusable(`The token holds neither public key nor certificate beside the private key ${key.label || key.id}.`);
}

function selection({ id, label }: TokenObject): string[] {
	return [...(id === '' ? [] : ['--id', id]), ...(label === '' ? [] : ['--label', label])];
}

interface OpenKey {
	readonly publicKey: KeyObject;
	readonly kind: KeyKind;
	readonly name: string;
	readonly object: TokenObject;
	readonly address: TokenAddress;
}

/** pkcs11-tool gives a token what it reads in one piece up to this length; Ed25519 signs the message itself. */
const maximumPlain = 1024;

async function signWith(key: OpenKey, scheme: SigningScheme, message: Uint8Array): Promise<Uint8Array> {
	const { kind, hash } = signatureSchemes[scheme];
	if (kind !== key.kind) throw unusable(`The key ${key.name} is ${key.kind}; it cannot sign with ${scheme}.`);
	if (hash === undefined && message.length > maximumPlain) {
		throw new CaissonError(
			'token-unusable',
			`Through pkcs11-tool an Ed25519 key in a token signs at most ${maximumPlain} bytes, not ${message.length}: ` +
				'take an ECDSA or RSA key.',
		);
	}
	const digest = hash === undefined ? message : createHash(hash).update(message).digest();
	const [words, input] = request(scheme, digest);
	const answer = await askToken(key.address, ['--sign', ...words, ...selection(key.object)], input);
	const signature = key.kind === 'p256' || key.kind === 'p384' ? asn1Signature(answer) : new Uint8Array(answer);
	if (!isSignature(scheme, key.publicKey, message, signature)) {
		throw new CaissonError(
			'token-unusable',
			`The token’s signature does not fit the public key of ${key.name}: it is thrown away.`,
		);
	}
	return signature;
}

/** The mechanisms of PKCS #11 that sign a given hash: every token that has a kind of key has the one here. */
function request(scheme: SigningScheme, digest: Uint8Array): [words: string[], input: Uint8Array] {
	if (scheme === 'rsa-pkcs1-sha256') return [['--mechanism', 'RSA-PKCS'], sha256DigestInfo(digest)];
	if (scheme === 'ed25519') return [['--mechanism', 'EDDSA'], digest];
	if (scheme !== 'rsa-pss-sha256') return [['--mechanism', 'ECDSA'], digest];
	const parameters = ['--hash-algorithm', 'SHA256', '--mgf', 'MGF1-SHA256', '--salt-len', '32'];
	return [['--mechanism', 'RSA-PKCS-PSS', ...parameters], digest];
}

function uriOf(token: TokenFacts, object: TokenObject): string {
	return formatPkcs11Uri({
		token: token.label,
		serial: token.serial,
		...(object.label === '' ? {} : { object: object.label }),
		...(object.id === '' ? {} : { id: object.id }),
	});
}

function unusable(message: string, cause?: unknown): CaissonError {
	return new CaissonError('key-unusable', message, { cause });
}

function pinRefused(message: string): CaissonError {
	return new CaissonError('token-pin-refused', message);
}
