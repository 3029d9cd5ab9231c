// What `caisson update delta` predicts for a .zck, beside what Debian's SWUpdate and Caisson's server really send each
// other: every byte both ways, heads included.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { planDelta } from '../../src/update/delta/planner.ts';
import { type DeltaTrial, startDeltaTrial } from './delta-trial.ts';
import { deltaImage, slots } from './delta-updates.ts';
import { whyNot } from './root.ts';

const suite = process.env.CAISSON_DEVICE_SUITE || 'trixie';

/** Passes connections on to `port` and keeps every byte of both directions. */
async function startRecorder(port: number) {
	const seen = { up: [] as Buffer[], down: [] as Buffer[] };
	const listener = createServer((client) => {
		const server = connect(port, '127.0.0.1');
		client.on('data', (part) => seen.up.push(part)).pipe(server);
		server.on('data', (part) => seen.down.push(part)).pipe(client);
		for (const socket of [client, server]) socket.on('error', () => [client, server].map((each) => each.destroy()));
	});
	await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
	const address = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
	return { address, seen, stop: () => listener.close() };
}

describe(`planned and real traffic of a delta on SWUpdate of Debian ${suite}`, { skip: await whyNot() }, () => {
	let trial: DeltaTrial;
	before(async () => {
		trial = await startDeltaTrial(suite);
	});
	after(() => trial?.stop());

	for (const maxRanges of [5, 150]) {
		test(`every byte is predicted with max-ranges ${maxRanges}`, async (t) => {
			const recorder = await startRecorder(Number(new URL(trial.server.southbound).port));
			t.after(() => recorder.stop());
			const scratch = await mkdtemp(join(trial.folder, 'plan-'));
			t.after(() => rm(scratch, { recursive: true }));
			const plan = await planDelta({
				...{ oldImage: trial.oldFile, newImage: trial.newFile, limits: { ranges: 'yes' }, maxRanges, scratch },
				url: `${recorder.address}/artifacts/sha256/{sha256}`,
				...{ compress: false, tryUncompressed: false, signal: new AbortController().signal },
			});
			await trial.serve(await readFile(plan.zchunkFile));
			const { attributes, properties } = deltaImage({ url: plan.url, maxRanges });
			const outcome = await trial.installOnce({
				specification: { images: [{ source: plan.zchunkFile, ...attributes, properties }] },
			});
			assert.equal(outcome.code, 0, outcome.lines.slice(-30).join('\n'));
			assert.ok(Buffer.from(outcome.held[slots.b] ?? []).equals(trial.images.new));
			const [up, down] = [Buffer.concat(recorder.seen.up), Buffer.concat(recorder.seen.down)];
			const { chunks, traffic } = plan.zchunk;
			const requests = up.toString('latin1').match(/^GET /gm)?.length;
			assert.equal(requests, traffic.count);
			assert.equal(up.length, traffic.requests, up.toString('latin1').slice(0, 600));
			// Keep-Alive tells the seconds that the server was told, which a plan does not know.
			const keepAlive = [...down.toString('latin1').matchAll(/^Keep-Alive: timeout=(\d+)\r$/gm)];
			const longer = keepAlive.reduce((sum, [, seconds = '']) => sum + seconds.length - 1, 0);
			assert.equal(
				down.length,
				chunks + traffic.framing + traffic.answerHeads + longer,
				down.toString('latin1', 0, 600),
			);
		});
	}
});
