// The repository service of trust for tests: over a real store and a real folder, with keys of people and of a server,
// and with tuf-js or python-tuf as the device that reads what it served. It leaves out HTTP (testing/application).

import { sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDiskMetadata } from '../../src/outside/metadata-files/disk.ts';
import { trustHash, trustSha256, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import type { Storage } from '../../src/storage/store.ts';
import { Publisher, type PublisherWorld } from '../../src/trust/publisher.ts';
import { changeTargets, type WantedTarget } from '../../src/trust/repository/targets.ts';
import { changeSettings, type RepositoryWorld, repositorySettings } from '../../src/trust/repository/world.ts';
import { expiryText } from '../../src/trust/rules/metadata/expiry.ts';
import { makeRoot, makeTargets } from '../../src/trust/rules/metadata/make.ts';
import type { DelegatedRole, RootSigned, TargetsSigned } from '../../src/trust/rules/metadata/model.ts';
import { everyPathHashPrefix } from '../../src/trust/rules/metadata/portable-paths.ts';
import { defaultSettings, type RepositorySettings } from '../../src/trust/rules/repository/settings.ts';
import type { OnlineSigner } from '../../src/trust/signer.ts';
import type { MetadataFiles } from '../../src/trust/store.ts';
import { keysOf, roleOf, type TestKey, testKey } from '../tuf-documents/documents.ts';
import type { Oracle, OracleAnswer } from '../tuf-oracles/oracle.ts';
import { folderSource, startFileServer } from '../tuf-repository/server.ts';

/** Devices judge by the real time, so documents are made in it. */
export const serviceNow = Math.floor(Date.now() / 1000) * 1000;
export const inOneYear = expiryText(serviceNow + 365 * 86_400_000);

const [anna, ben, clara, dora, server, nextServer] = ['anna', 'ben', 'clara', 'dora', 'server', 'server 2'].map(
	testKey,
) as [TestKey, TestKey, TestKey, TestKey, TestKey, TestKey];

/** Anna and Ben sign roots, Clara targets, Dora releases; the server the rest. */
export const people = { anna, ben, clara, dora, server, nextServer };

/** The server's key as it uses it. */
export function onlineSigner({ keyid, key, privateKey }: TestKey): OnlineSigner {
	return { keyid, key, sign: async (payload) => sign(null, payload, privateKey) };
}

/** A root that two of Anna and Ben sign; `changes` are put over it. */
export function serviceRoot(
	version: number,
	{ roots = [anna, ben], targets = clara, online = server, ...changes }: RootWords = {},
): RootSigned {
	const roles = {
		...{ root: roleOf(2, ...roots), targets: roleOf(1, targets) },
		...{ timestamp: roleOf(1, online), snapshot: roleOf(1, online) },
	};
	return makeRoot({ version, expires: inOneYear, keys: keysOf(...roots, targets, online), roles, ...changes });
}

interface RootWords extends Partial<Parameters<typeof makeRoot>[0]> {
	readonly roots?: readonly TestKey[];
	readonly targets?: TestKey;
	readonly online?: TestKey;
}

/** Targets that delegate `releases/*` to Dora where asked, and everything to the bins of the server. */
export function serviceTargets(
	version: number,
	{ online = server, releases = false, ...changes }: TargetsWords = {},
): TargetsSigned {
	const bins: DelegatedRole = {
		...{ name: 'bins', terminating: false, path_hash_prefixes: everyPathHashPrefix },
		...roleOf(1, online),
	};
	const custom: DelegatedRole = {
		...{ name: 'releases', terminating: true, paths: ['releases/*'] },
		...roleOf(1, dora),
	};
	const roles = releases ? [custom, bins] : [bins];
	const delegations = { keys: keysOf(online, ...(releases ? [dora] : [])), roles };
	return makeTargets({ version, expires: inOneYear, targets: {}, delegations, ...changes });
}

interface TargetsWords extends Partial<Parameters<typeof makeTargets>[0]> {
	readonly online?: TestKey;
	readonly releases?: boolean;
}

export interface TestService {
	readonly world: RepositoryWorld;
	readonly publisher: Publisher;
	readonly files: MetadataFiles;
	/** Of metadata, as devices get it. */
	readonly folder: string;
	/** A publisher beside it, as another server has it. */
	another(changes?: Partial<PublisherWorld>): Publisher;
	/** Targets whose bytes are their path; `gone` are removed. */
	put(paths: readonly string[], words?: Pick<WantedTarget, 'held'>): Promise<void>;
	remove(paths: readonly string[]): Promise<void>;
	/** What a client finds that starts from `root` or goes on with its `state`. */
	seen(oracle: Oracle, words: SeenWords): Promise<OracleAnswer>;
	close(): void;
}

interface SeenWords {
	readonly root: Uint8Array;
	readonly targets?: readonly string[];
	/** A folder that keeps the client's state. */
	readonly state?: string;
}

interface ServiceWords {
	readonly signers?: readonly TestKey[];
	/** Instead of `signers`: keys as a server opened them. */
	readonly online?: readonly OnlineSigner[];
	readonly now?: () => number;
	readonly settings?: Partial<RepositorySettings>;
	/** The folder of another service, for a second server. */
	readonly folder?: string;
}

/** Four bins unless `settings` says otherwise. */
export async function openService(storage: Storage, words: ServiceWords = {}): Promise<TestService> {
	const folder = words.folder ?? mkdtempSync(join(tmpdir(), 'caisson-tuf-service-'));
	const files = await openDiskMetadata(folder);
	const now = words.now ?? (() => serviceNow);
	const signers = words.online ?? (words.signers ?? [server]).map(onlineSigner);
	const another = (changes: Partial<PublisherWorld> = {}) =>
		new Publisher({
			...{ storage, files, settings: () => repositorySettings(storage.trust), signers },
			...{ sha256: trustSha256, now, ...changes },
		});
	const publisher = another();
	const world: RepositoryWorld = {
		...{ storage, publisher, sha256: trustSha256, hash: trustHash, now, verify: verifyTrustSignature },
		onlineKeyids: new Set(signers.map(({ keyid }) => keyid)),
	};
	if ((await storage.trust.setting('repository')) === undefined) {
		const settings = { ...defaultSettings, bins: { ...defaultSettings.bins, bitLength: 2 }, ...words.settings };
		await changeSettings(world, settings, 'test');
	}
	const change = (paths: readonly string[], more: Pick<WantedTarget, 'held'>, removed: boolean) =>
		changeTargets(
			world,
			paths.map((path) => ({ path, ...more, ...(!removed && { target: targetOf(path) }) })),
			'test',
		);
	return {
		...{ world, publisher, files, folder, another },
		put: (paths, more = {}) => change(paths, more, false),
		remove: (paths) => change(paths, {}, true),
		seen: (oracle, seen) => seenBy(oracle, folder, seen),
		close: () => rmSync(folder, { recursive: true, force: true }),
	};
}

/** The entry of a target whose bytes are its path. */
export function targetOf(path: string) {
	const bytes = new TextEncoder().encode(path);
	return { length: bytes.length, hashes: { sha256: trustSha256(bytes) } };
}

async function seenBy(oracle: Oracle, folder: string, { root, targets = [], state }: SeenWords): Promise<OracleAnswer> {
	const metadata = folderSource(folder);
	const served = await startFileServer((path) =>
		path.startsWith('targets/')
			? new TextEncoder().encode(path.replace(/^targets\//, '').replace(/(^|\/)[0-9a-f]{64}\./, '$1'))
			: metadata(path),
	);
	try {
		const urls = { metadataUrl: served.url, targetUrl: `${served.url}/targets` };
		return await oracle({ ...urls, root, targets, ...(state !== undefined && { folder: state }) });
	} finally {
		await served.close();
	}
}
