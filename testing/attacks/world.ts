// A device under attack: an image repository and a director in memory, each behind a server that a test may turn against
// the device, and SWUpdate's socket, which tells whether anything reached the installer. `cycle` is what an agent does:
// verify, hand over, confirm.

import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trustHash, trustKeyOf, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import {
	confirmInstalled,
	initialiseUptane,
	type UpdateOutcome,
	type UptaneOptions,
	verifyUpdate,
} from '../../src/trust/client/uptane.ts';
import { makeSignedManifest, type ReportingDevice } from '../../src/trust/client/uptane-manifest.ts';
import type { Attack } from '../../src/trust/rules/director/findings.ts';
import type { Component, Inventory } from '../../src/trust/rules/director/inventory.ts';
import type { SignedManifest } from '../../src/trust/rules/director/manifest.ts';
import { deviceField, makeDeviceTargets, type Order } from '../../src/trust/rules/director/orders.ts';
import { type RepositoryOptions, TufRepository } from '../tuf-repository/repository.ts';
import { type FileServer, startFileServer } from '../tuf-repository/server.ts';
import { handOver, InstallerSocket } from './installer.ts';

const crypto = { verify: verifyTrustSignature, hash: trustHash };

export interface Release {
	readonly hardwareIds?: readonly string[];
	readonly releaseCounter?: number;
}

/** Components of a device with the keys that they sign with. */
export interface TestComponent extends Component {
	readonly privateKey: KeyObject;
}

export function newComponent(id: string, hardware: string, primary = false): TestComponent {
	const { publicKey, privateKey } = generateKeyPairSync('ed25519');
	return { id, hardware, key: trustKeyOf(publicKey), primary, privateKey };
}

export class AttackWorld {
	readonly image: TufRepository;
	readonly director: TufRepository;
	readonly components: readonly TestComponent[];
	readonly inventory: Inventory;
	readonly folder: string;
	readonly installer: InstallerSocket;
	readonly imageServer: FileServer;
	readonly directorServer: FileServer;
	/** What each cycle gets besides the addresses. */
	settings: Partial<UptaneOptions> = {};

	private constructor(
		parts: Pick<AttackWorld, 'image' | 'director' | 'components' | 'folder' | 'imageServer' | 'directorServer'>,
	) {
		this.image = parts.image;
		this.director = parts.director;
		this.components = parts.components;
		this.folder = parts.folder;
		this.imageServer = parts.imageServer;
		this.directorServer = parts.directorServer;
		this.inventory = { device: 'pump-7', components: this.components };
		this.installer = new InstallerSocket(this.folder);
	}

	static async make(options: RepositoryOptions, components: readonly TestComponent[]): Promise<AttackWorld> {
		const image = new TufRepository(options);
		const director = new TufRepository(options);
		for (const draft of [director.role('targets'), director.timestamp])
			Object.assign(draft, { [deviceField]: 'pump-7' });
		director.publish();
		const world = new AttackWorld({
			...{ image, director, components },
			folder: await mkdtemp(join(tmpdir(), 'caisson-attack-')),
			imageServer: await startFileServer(image.source),
			directorServer: await startFileServer(director.source),
		});
		await world.installer.listen();
		await initialiseUptane(world.state, { director: director.firstRoot, image: image.firstRoot }, crypto);
		return world;
	}

	get state(): string {
		return join(this.folder, 'state');
	}

	get downloads(): string {
		return join(this.folder, 'downloads');
	}

	/** The image repository signs a file; publish() is called. */
	release(
		path: string,
		content: string | Uint8Array,
		{ hardwareIds = ['board-a'], releaseCounter = 1 }: Release = {},
	): void {
		const custom = { hardware_ids: [...hardwareIds], release_counter: releaseCounter };
		this.image.addTarget('targets', path, content, custom);
		this.image.publish();
	}

	/** The order for what the image repository has signed under the name, or had. */
	orderOf(path: string, component = 'main', changes: Partial<Order> = {}): Order {
		const file = this.image.role('targets').targets[path];
		const custom = file?.custom as { hardware_ids: string[]; release_counter: number } | undefined;
		return {
			...{ component, path, length: file?.length ?? 0, hashes: { ...file?.hashes } },
			...{ hardwareIds: custom?.hardware_ids ?? ['board-a'], releaseCounter: custom?.release_counter ?? 1 },
			...changes,
		};
	}

	/** The director signs these orders, and no others. `as` is whose inventory they are checked against. */
	order(orders: readonly Order[], as: Inventory = this.inventory): void {
		const { targets } = makeDeviceTargets(as, orders, { version: 1, expires: this.director.expires });
		const draft = this.director.role('targets');
		draft.targets = structuredClone(targets) as typeof draft.targets;
		for (const each of [draft, this.director.timestamp]) Object.assign(each, { [deviceField]: as.device });
		this.director.publish();
	}

	/** Releases a file and orders it for the first component. */
	releaseAndOrder(path: string, content: string, release: Release = {}): void {
		this.release(path, content, release);
		this.order([this.orderOf(path)]);
	}

	async verify(settings: Partial<UptaneOptions> = {}): Promise<UpdateOutcome> {
		const options: UptaneOptions = {
			...crypto,
			...{ self: this.inventory, installable: [''], state: this.state, clock: Date.now },
			directorUrls: [`${this.directorServer.url}/metadata`],
			imageUrls: [`${this.imageServer.url}/metadata`],
			targetUrls: [`${this.imageServer.url}/targets`],
			...this.settings,
			...settings,
		};
		return verifyUpdate(options, this.downloads);
	}

	/** Verifies, hands what was verified to the installer, and confirms it. */
	async cycle(settings: Partial<UptaneOptions> = {}): Promise<UpdateOutcome> {
		const outcome = await this.verify(settings);
		if (outcome.outcome === 'refused') return outcome;
		for (const { component, path } of outcome.updates) {
			await handOver(this.installer.path, path);
			await confirmInstalled(this.state, component);
		}
		return outcome;
	}

	/** A whole cycle is refused with this code, the device keeps it for its report, and SWUpdate is not contacted. */
	async assertRefused(code: Attack['code'], settings: Partial<UptaneOptions> = {}): Promise<Attack> {
		const before = this.installer.contacted;
		const outcome = await this.cycle(settings);
		assert.equal(outcome.outcome, 'refused', JSON.stringify(outcome));
		if (outcome.outcome !== 'refused') throw new Error('unreachable');
		assert.equal(outcome.attack.code, code, JSON.stringify(outcome));
		assert.equal(this.installer.contacted, before, 'SWUpdate was contacted');
		const { signed } = await this.manifest();
		assert.equal(signed.reports[this.primary.id]?.signed.attack?.code, code);
		return outcome.attack;
	}

	/** A whole cycle hands these contents to SWUpdate, in this order. */
	async assertInstalled(contents: readonly string[], settings: Partial<UptaneOptions> = {}): Promise<void> {
		const before = this.installer.received.length;
		const outcome = await this.cycle(settings);
		assert.equal(outcome.outcome, 'verified', JSON.stringify(outcome));
		const received = this.installer.received.slice(before).map(String);
		assert.deepEqual(received, contents);
	}

	get primary(): TestComponent {
		return this.components.find(({ primary }) => primary) as TestComponent;
	}

	/** The device as it signs; a test may give a component another key. */
	reporting(components: readonly TestComponent[] = this.components): ReportingDevice {
		const signers = components.map(({ id, primary, privateKey }) => ({
			...{ id, primary },
			signer: { keyid: id, sign: async (payload: Uint8Array) => sign(null, payload, privateKey) },
		}));
		return { device: this.inventory.device, components: signers };
	}

	async manifest(device: ReportingDevice = this.reporting(), nonce = randomBytes(16)): Promise<SignedManifest> {
		return makeSignedManifest({ state: this.state, device, clock: Date.now, nonce });
	}

	async remove(): Promise<void> {
		await Promise.all([this.imageServer.close(), this.directorServer.close(), this.installer.close()]);
		await rm(this.folder, { recursive: true, force: true });
	}
}

/** Runs `use` with a device of one component (or these), its two repositories and SWUpdate's socket. */
export async function withAttackWorld(
	use: (world: AttackWorld) => Promise<void>,
	options: RepositoryOptions & { readonly components?: readonly TestComponent[] } = {},
): Promise<void> {
	const { components = [newComponent('main', 'board-a', true)], ...repositories } = options;
	const world = await AttackWorld.make(repositories, components);
	try {
		await use(world);
	} finally {
		await world.remove();
	}
}
