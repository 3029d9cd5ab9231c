// Caisson's repository of trust for a ceremony that is replayed: a database and a folder of metadata in this process, served
// over HTTP. It takes documents from the folder that people carry, as the server's routes do, with the keys that it is given.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDiskMetadata } from '../../src/outside/metadata-files/disk.ts';
import { openTrustSigner } from '../../src/outside/signer/trust-signer.ts';
import { trustHash, trustSha256, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { Publisher } from '../../src/trust/publisher.ts';
import { offerDocument, prepareRole } from '../../src/trust/repository/offer.ts';
import { changeTargets } from '../../src/trust/repository/targets.ts';
import { changeSettings, type RepositoryWorld, repositorySettings } from '../../src/trust/repository/world.ts';
import { metadataFileName } from '../../src/trust/rules/metadata/file-names.ts';
import { serializeMetadata } from '../../src/trust/rules/metadata/make.ts';
import { defaultSettings } from '../../src/trust/rules/repository/settings.ts';
import { openTemporary } from '../database/temporary-database.ts';
import { folderSource, startFileServer } from '../tuf-repository/server.ts';

export interface CeremonyServer {
	/** Metadata below /metadata/, targets below /targets/. */
	readonly url: string;
	/** Takes every document of FOLDER/ceremony that is new, and signs what is due with these keys (files of FOLDER). */
	publish(keys: readonly string[]): Promise<void>;
	/** Adds a target, and puts the next version of its role, unsigned, into FOLDER/ceremony. */
	prepare(path: string, role: string): Promise<void>;
	contentOf(path: string): string;
	close(): Promise<void>;
}

const by = 'ceremony';
/** A target of the server, in a bin. */
const configuration = 'config/network.json';

export async function openCeremonyServer(folder: string): Promise<CeremonyServer> {
	const database = await openTemporary();
	const { storage } = database;
	const files = await openDiskMetadata(join(folder, 'served'));
	const served = folderSource(join(folder, 'served'));
	const contentOf = (path: string) => `The content of ${path}.\n`;
	const http = await startFileServer((path) => {
		if (path.startsWith('metadata/')) return served(path.slice('metadata/'.length));
		const name = path.replace(/^targets\//, '').replace(/(^|\/)[0-9a-f]{64}\./, '$1');
		return new TextEncoder().encode(contentOf(name));
	});
	const target = (path: string) => {
		const bytes = new TextEncoder().encode(contentOf(path));
		return { path, target: { length: bytes.length, hashes: { sha256: trustSha256(bytes) } } };
	};
	const known = { root: 0, targets: 0, releases: 0 };
	let lastKeys: readonly string[] = [];

	async function worldWith(keys: readonly string[]): Promise<RepositoryWorld> {
		const signers = await Promise.all(
			keys.map((key) => {
				const passphraseFile = join(folder, key.replace(/^keys\/(.*)\.pem$/, '$1.pass'));
				return openTrustSigner({ key: join(folder, key), passphraseFile });
			}),
		);
		const world = { storage, sha256: trustSha256, hash: trustHash, now: Date.now, verify: verifyTrustSignature };
		const settings = () => repositorySettings(storage.trust);
		const publisher = new Publisher({ storage, files, settings, signers, sha256: trustSha256, now: Date.now });
		return { ...world, publisher, onlineKeyids: new Set(signers.map(({ keyid }) => keyid)) };
	}

	return {
		url: http.url,
		contentOf,
		async publish(keys) {
			lastKeys = keys;
			const world = await worldWith(keys);
			const first = known.root === 0;
			if (first)
				await changeSettings(world, { ...defaultSettings, bins: { ...defaultSettings.bins, bitLength: 3 } }, by);
			for (const role of ['root', 'targets', 'releases'] as const) {
				for (const version of versionsIn(join(folder, 'ceremony'), role).filter((each) => each > known[role])) {
					await offerDocument(world, role, readFileSync(join(folder, 'ceremony', metadataFileName(role, version))), by);
					known[role] = version;
				}
			}
			if (first) await changeTargets(world, [target(configuration)], by);
			await world.publisher.publish(by);
		},
		async prepare(path, role) {
			const world = await worldWith(lastKeys);
			await changeTargets(world, [target(path)], by);
			const metadata = await prepareRole(world, role, by);
			writeFileSync(
				join(folder, 'ceremony', metadataFileName(role, metadata.signed.version)),
				serializeMetadata(metadata),
			);
		},
		async close() {
			await http.close();
			await database.destroy();
		},
	};
}

function versionsIn(folder: string, role: string): number[] {
	return readdirSync(folder)
		.flatMap((name) => (name.endsWith(`.${role}.json`) ? [Number.parseInt(name, 10)] : []))
		.sort((a, b) => a - b);
}
