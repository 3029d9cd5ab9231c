// The data directory of a director: its online keys, its roots, and the trust in the image repository that orders are
// looked up with. It makes one, and opens one. It leaves out serving (serve.ts).

import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDataDirectory } from '../../src/access/data-directory.ts';
import { replacePrivateFile } from '../../src/access/private-file.ts';
import { CaissonError } from '../../src/errors.ts';
import { trustKeys } from '../../src/outside/signer/trust-keys.ts';
import { trustHash, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { initialiseState } from '../../src/trust/client/trust-client.ts';
import type { DirectorSetup } from '../../src/trust/commands/director.ts';
import { checkRoots, type DirectorKeys, firstRoot, refuseSharedKeys } from '../../src/trust/director/setup.ts';
import { expiryText } from '../../src/trust/rules/metadata/expiry.ts';

const crypto = { verify: verifyTrustSignature, hash: trustHash };
const onlineRoles = ['timestamp', 'snapshot', 'targets'] as const;

const rootFile = (dir: string, version: number) => join(dir, `${version}.root.json`);
const keyFile = (dir: string, role: string) => join(dir, `${role}.pem`);
/** The trust of orders in the image repository. */
export const imageState = (dir: string) => join(dir, 'image-repository');

/**
 * @returns the file of the root
 * @throws CaissonError director-not-ready where it was done already, director-key-shared, key-unusable, file-unusable;
 * then only keys that nobody trusts were written
 */
export async function initialiseDirector(
	setup: DirectorSetup,
	note: (line: string) => void,
): Promise<{ root: string }> {
	const image = await readNamed(setup.imageRoot);
	const files = setup.passphraseFile === undefined ? {} : { passphraseFile: setup.passphraseFile };
	const root = [];
	for (const key of setup.rootKey) {
		root.push(await trustKeys.open({ key, ...files, warn: (message) => note(`Warning: ${message}`) }));
	}
	const data = openDataDirectory(setup.dir, 'caisson director init');
	try {
		const dir = data.path;
		if ((await optional(rootFile(dir, 1))) !== undefined) {
			throw new CaissonError('director-not-ready', `${dir} holds a director already.`);
		}
		const keys: DirectorKeys = { root, threshold: setup.threshold, online: await onlineKeys(dir, true) };
		refuseSharedKeys(keys, image);
		const bytes = await firstRoot(keys, expiryText(Date.now() + setup.rootLifetime));
		checkRoots([bytes], keys.online, { now: Date.now(), ...crypto });
		if ((await optional(join(imageState(dir), 'metadata', 'root.json'))) === undefined) {
			await initialiseState(imageState(dir), image, crypto);
		}
		// Last: with it the director is there.
		replacePrivateFile(rootFile(dir, 1), new TextDecoder().decode(bytes));
		return { root: rootFile(dir, 1) };
	} finally {
		data.release();
	}
}

/** The keys and roots of a director. @throws CaissonError director-not-ready, key-unusable; TrustFailure */
export async function openDirector(dir: string): Promise<{ online: DirectorKeys['online']; roots: Uint8Array[] }> {
	const roots: Uint8Array[] = [];
	for (
		let root = await optional(rootFile(dir, 1));
		root !== undefined;
		root = await optional(rootFile(dir, roots.length + 1))
	) {
		roots.push(root);
	}
	if (roots.length === 0) {
		throw new CaissonError('director-not-ready', `${dir} holds no director: begin with \`caisson director init\`.`);
	}
	const online = await onlineKeys(dir, false);
	checkRoots(roots, online, { now: Date.now(), ...crypto });
	return { online, roots };
}

/** A passphrase would have to lie beside them: what protects these keys is the data directory, which others cannot read. */
async function onlineKeys(dir: string, make: boolean): Promise<DirectorKeys['online']> {
	const open = async (role: string) => {
		const key = keyFile(dir, role);
		if (make && (await optional(key)) === undefined) {
			const { privateKey } = generateKeyPairSync('ed25519');
			replacePrivateFile(key, String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
		}
		return trustKeys.open({ key });
	};
	const [first, second, third] = onlineRoles;
	return { [first]: await open(first), [second]: await open(second), [third]: await open(third) };
}

async function optional(path: string): Promise<Uint8Array | undefined> {
	try {
		return await readFile(path);
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw unreadable(path, cause);
	}
}

async function readNamed(path: string): Promise<Uint8Array> {
	return readFile(path).catch((cause) => {
		throw unreadable(path, cause);
	});
}

function unreadable(path: string, cause: unknown): CaissonError {
	const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
	return new CaissonError('file-unusable', `${path} cannot be read (${reason}).`, { cause });
}
