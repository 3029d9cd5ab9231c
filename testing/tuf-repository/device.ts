// A device in a test: a state folder, a download folder and the TUF client, against one file server. Each call is a new
// client, as each run of the command is.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trustHash, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import {
	type Downloaded,
	initialiseState,
	type Refreshed,
	type RefreshRefused,
	readStatus,
	TrustClient,
	type TrustClientOptions,
} from '../../src/trust/client/trust-client.ts';
import { type RepositoryOptions, TufRepository } from './repository.ts';
import { type FileServer, startFileServer } from './server.ts';

export const clientCrypto = { verify: verifyTrustSignature, hash: trustHash };

export type ClientSettings = Partial<TrustClientOptions>;

export class TestDevice {
	readonly folder: string;
	readonly state: string;
	readonly downloads: string;
	/** What each client gets besides the addresses. */
	settings: ClientSettings = {};
	readonly #url: string;

	private constructor(folder: string, url: string) {
		this.folder = folder;
		this.state = join(folder, 'state');
		this.downloads = join(folder, 'downloads');
		this.#url = url;
	}

	/** A device that knows `root`, or none yet. Call `remove` in the end. */
	static async make(url: string, root?: Uint8Array): Promise<TestDevice> {
		const device = new TestDevice(await mkdtemp(join(tmpdir(), 'caisson-tuf-device-')), url);
		if (root !== undefined) await device.initialise(root);
		return device;
	}

	async initialise(root: Uint8Array): Promise<void> {
		await initialiseState(this.state, root, clientCrypto);
	}

	async refresh(settings: ClientSettings = {}): Promise<Refreshed | RefreshRefused> {
		return this.#with(settings, (client) => client.refresh());
	}

	async download(
		names: readonly string[],
		settings: ClientSettings = {},
		folder = this.downloads,
	): Promise<Downloaded | RefreshRefused> {
		return this.#with(settings, (client) => client.download(names, folder));
	}

	/** The version of a role's metadata that is kept; undefined where none is. */
	async version(role: string): Promise<number | undefined> {
		return (await this.held(role))?.signed.version;
	}

	async held(role: string): Promise<{ signed: { version: number } & Record<string, unknown> } | undefined> {
		const path = join(this.state, 'metadata', `${encodeURIComponent(role)}.json`);
		const text = await readFile(path, 'utf8').catch(() => undefined);
		return text === undefined ? undefined : JSON.parse(text);
	}

	/** Names of the files of metadata that are kept. */
	async heldFiles(): Promise<string[]> {
		return (await readdir(join(this.state, 'metadata'))).sort();
	}

	/** Bytes of a downloaded target; undefined where there is none under its name. */
	async downloaded(name: string): Promise<Uint8Array | undefined> {
		return readFile(join(this.downloads, name)).catch(() => undefined);
	}

	async status(): ReturnType<typeof readStatus> {
		return readStatus(this.state);
	}

	async remove(): Promise<void> {
		await rm(this.folder, { recursive: true, force: true });
	}

	async #with<T>(settings: ClientSettings, work: (client: TrustClient) => Promise<T>): Promise<T> {
		const client = new TrustClient({
			...clientCrypto,
			state: this.state,
			metadataUrls: [`${this.#url}/metadata/`],
			targetUrls: [`${this.#url}/targets/`],
			clock: Date.now,
			...this.settings,
			...settings,
		});
		try {
			return await work(client);
		} finally {
			client.close();
		}
	}
}

export interface World {
	readonly repository: TufRepository;
	readonly server: FileServer;
	readonly device: TestDevice;
}

/**
 * Runs `use` with a repository, its server, and a device that knows the repository's first root.
 * @param prepare changes the repository before the device is made; what it returns is the root that the device begins
 * with, `false` for none
 */
export async function withWorld(
	use: (world: World) => Promise<void>,
	options: RepositoryOptions = {},
	prepare: (repository: TufRepository) => Uint8Array | false | undefined = () => undefined,
): Promise<void> {
	const repository = new TufRepository(options);
	const root = prepare(repository) ?? repository.firstRoot;
	const server = await startFileServer(repository.source);
	const device = await TestDevice.make(server.url, root === false ? undefined : root);
	try {
		await use({ repository, server, device });
	} finally {
		await device.remove();
		await server.close();
	}
}

/** The code of a refusal; `undefined` for what was not refused. */
export function refusalIn(result: Refreshed | RefreshRefused | Downloaded): string | undefined {
	if (result.outcome === 'refused') return result.refusal.code;
	if (result.outcome === 'refreshed') return undefined;
	return result.targets.find(({ refusal }) => refusal !== undefined)?.refusal?.code;
}
