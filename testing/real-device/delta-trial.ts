// What the delta tests share: a server process of Caisson's, a proxy before it that counts and spoils, two versions of an
// image as files, and a maker of updates. It decides nothing about outcomes.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServerProcess, startServer } from '../../programs/main-job/server-process.ts';
import { sha256, slots } from './delta-updates.ts';
import { type HandmadeUpdate, packByHand } from './handmade.ts';
import { type ImageVersions, imageVersions } from './images.ts';
import { type Installation, type InstallationOutcome, install } from './install.ts';
import { type CountingProxy, startCountingProxy } from './proxy.ts';
import { type DeviceRoot, prepareRoot } from './root.ts';
import { type UpdateMaker, updateMaker } from './updates.ts';

export interface DeltaTrial {
	readonly folder: string;
	readonly root: DeviceRoot;
	readonly server: ServerProcess;
	/** To the southbound port. A test that counts takes one of its own. */
	newProxy(): Promise<CountingProxy>;
	readonly updates: UpdateMaker;
	readonly images: ImageVersions;
	/** The versions as files below the folder. */
	readonly oldFile: string;
	readonly newFile: string;
	/** Stores the bytes on the server. @returns their path below the root of either port */
	serve(bytes: Uint8Array): Promise<string>;
	/**
	 * Packs with Caisson and lets a device with the old image in slot A and zeros in slot B install it, locally.
	 * @param update a specification, its sources relative to the folder; or what only a hand would pack
	 * @returns the outcome, with both slots
	 */
	installOnce(
		update: { readonly specification: object } | { readonly byHand: HandmadeUpdate },
		more?: Partial<Installation>,
	): Promise<InstallationOutcome>;
	stop(): Promise<void>;
}

/** @param suite of the device's Debian */
export async function startDeltaTrial(suite: string): Promise<DeltaTrial> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-delta-trial-'));
	const expired = process.env.CAISSON_DEVICE_EXPIRED === '1';
	const root = await prepareRoot({ suite, expired, note: (line) => console.error(line) });
	const images = imageVersions(root);
	const [oldFile, newFile] = [join(folder, 'old.img'), join(folder, 'new.img')];
	await writeFile(oldFile, images.old);
	await writeFile(newFile, images.new);
	const updates = await updateMaker(join(folder, 'keys'));
	const server = await startServer({ data: join(folder, 'data') });
	const proxies: CountingProxy[] = [];
	let count = 0;
	return {
		...{ folder, root, server, updates, images, oldFile, newFile },
		newProxy: async () => {
			const proxy = await startCountingProxy(server.southbound);
			proxies.push(proxy);
			return proxy;
		},
		serve: (bytes) => serve(server, bytes),
		installOnce: async (given, more = {}) => {
			const update = join(folder, `update-${++count}.swu`);
			if ('byHand' in given) await packByHand(updates.signer, update, given.byHand);
			else await updates.packSpecification(update, folder, given.specification);
			const files = { [slots.a]: { copyOf: oldFile }, [slots.b]: new Uint8Array(images.new.length) };
			const { certificate } = updates;
			return install({ root, update, certificate, files, wanted: Object.values(slots), ...more });
		},
		stop: async () => {
			for (const proxy of proxies) await proxy.stop();
			await server.stop();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

async function serve({ api }: ServerProcess, bytes: Uint8Array): Promise<string> {
	const chunks = (async function* () {
		yield bytes;
	})();
	const path = `/api/caisson/v1/artifacts/sha256/${sha256(bytes)}`;
	const answer = await api.request('PUT', path, { content: { length: bytes.length, chunks } });
	return (answer.body as { path: string }).path;
}

/** Bytes that a Range header asks for, ends included. */
export function asked(range: string | undefined): { ranges: number; bytes: number } {
	const ranges = (range ?? '').replace(/^bytes=/, '').split(',');
	const lengths = ranges.map((one) => {
		const [start, end] = one.split('-').map(Number) as [number, number];
		return end - start + 1;
	});
	return { ranges: lengths.length, bytes: lengths.reduce((sum, length) => sum + length, 0) };
}
