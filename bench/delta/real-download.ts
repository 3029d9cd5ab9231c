// What one real device downloads: Debian's SWUpdate with the old image on one disk and an empty one beside it installs the
// new image as a zchunk delta, packed by Caisson, with ranges from Caisson's server. It counts what the server sent and
// compares the result byte for byte; it leaves out what that should have been.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { startServer } from '../../programs/main-job/server-process.ts';
import { install } from '../../testing/real-device/install.ts';
import { startCountingProxy } from '../../testing/real-device/proxy.ts';
import { prepareRoot } from '../../testing/real-device/root.ts';
import { updateMaker } from '../../testing/real-device/updates.ts';
import type { ImagePair } from './image-pair.ts';

export interface RealDownload {
	/** Bytes of the .swu, whole. */
	readonly update: number;
	/** Bytes that the server sent for ranges: bodies, framing, headers. */
	readonly ranges: number;
	readonly requests: number;
	/** Seconds from start to end of swupdate. */
	readonly took: number;
	readonly swupdateVersion: string;
}

/**
 * @param folder for a copy of both images and the server's data; made where absent
 * @param zck of the new image
 * @throws Error where SWUpdate fails, or the result is not the new image
 */
export async function realDownload(folder: string, pair: ImagePair, zck: string): Promise<RealDownload> {
	const root = await prepareRoot({ suite: 'trixie', note: (line) => process.stderr.write(`${line}\n`) });
	const server = await startServer({ data: join(folder, 'data') });
	const proxy = await startCountingProxy(server.southbound);
	try {
		const digest = await sha256(zck);
		const content = { length: (await stat(zck)).size, chunks: createReadStream(zck, { highWaterMark: 1 << 20 }) };
		await server.api.request('PUT', `/api/caisson/v1/artifacts/sha256/${digest}`, { content });
		const updates = await updateMaker(join(folder, 'keys'));
		const update = join(folder, 'update.swu');
		const url = `${proxy.address}/artifacts/sha256/${digest}`;
		const properties = { url, source: '/dev/slot-a', chain: 'raw', zckloglevel: 'error' };
		const image = { source: zck, type: 'delta', device: '/dev/slot-b', properties };
		await updates.packSpecification(update, folder, { images: [image] });
		const [a, b] = [join(folder, 'slot-a'), join(folder, 'slot-b')];
		await copyFile(pair.old, a);
		await writeFile(b, '');
		const { size } = await stat(pair.new);
		await truncate(b, size);
		const began = performance.now();
		const outcome = await install({
			...{ root, update, certificate: updates.certificate, limit: 600_000 },
			blockDevices: { 'slot-a': a, 'slot-b': b },
		});
		const took = (performance.now() - began) / 1000;
		if (outcome.code !== 0)
			throw new Error(`SWUpdate ended with ${outcome.code}:\n${outcome.lines.slice(-20).join('\n')}`);
		if ((await sha256(b)) !== (await sha256(pair.new))) throw new Error('the device does not hold the new image');
		const { exchanges } = proxy;
		if (exchanges.some(({ status }) => status !== 206)) throw new Error('an answer was not of ranges');
		const ranges = exchanges.reduce((sum, { wire }) => sum + wire, 0);
		const { length } = await readFile(update);
		return { update: length, ranges, requests: exchanges.length, took, swupdateVersion: root.swupdateVersion };
	} finally {
		await proxy.stop();
		await server.stop();
	}
}

async function sha256(file: string): Promise<string> {
	const hash = createHash('sha256');
	await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
	return hash.digest('hex');
}
