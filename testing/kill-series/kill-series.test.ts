// Three rounds of the kill series, and proof that its judge finds what it looks for. e2e/kill runs twenty rounds.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from './client.ts';
import { killSeries, twoHundredWriters } from './kill-series.ts';
import { startServer } from './server-process.ts';
import { type ReceivedEvent, Subscriber } from './subscriber.ts';
import { verify, verifyStreams } from './verify.ts';
import { type Ledger, workflow } from './writers.ts';

test('three times kill -9 under 200 writers: nothing acknowledged is lost, no event is missing or doubled', async (context) => {
	const result = await killSeries({
		rounds: 3,
		seed: 1,
		writers: twoHundredWriters,
		delay: { least: 300, spread: 900 },
		print: (line) => context.diagnostic(line),
	});
	assert.deepEqual(result.findings, []);
	assert.ok(result.acknowledged > 0);
});

test('the judge finds lost jobs and reports, doubled and missing events, and events in the wrong order', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-kill-'));
	const server = await startServer(folder);
	const client = new Client();
	const subscriber = new Subscriber();
	try {
		const base = `${server.northbound}/api/wfx/v1`;
		await client.send('POST', `${base}/workflows`, workflow);
		const made = await client.send('POST', `${base}/jobs`, { clientId: 'a', workflow: workflow.name });
		assert.equal(made?.status, 201);
		const { id } = made.body as { id: string };
		for (const message of ['own.0', 'own.1']) {
			const report = { clientId: 'a', state: 'RUNNING', message };
			await client.send('PUT', `${server.southbound}/api/wfx/v1/jobs/${id}/status`, report);
		}
		subscriber.follow(`${base}/jobs/events`);
		await subscriber.until(({ message }) => message === 'own.1');
		const events = subscriber.received;
		const ledger = (messages: readonly string[], clientId = 'a'): Ledger => ({
			jobs: [{ clientId, created: 'acknowledged', reports: new Map(messages.map((one) => [one, 'acknowledged'])) }],
			refusals: [],
		});
		const judge = async (claimed: Ledger, received: readonly ReceivedEvent[]) =>
			(await verify(client, base, claimed, received)).findings.join('\n');

		assert.equal(await judge(ledger(['own.0', 'own.1']), events), '');
		assert.match(await judge(ledger(['own.0', 'own.1', 'own.2']), events), /report own.2 was acknowledged and is lost/);
		assert.match(await judge(ledger(['own.0']), events), /report own.1 was never sent/);
		assert.match(await judge(ledger([], 'b'), []), /the job was acknowledged and is lost/);
		assert.match(await judge(ledger(['own.0', 'own.1']), events.slice(1)), /events differ/);
		const doubled = [...events, ...events.slice(-1)];
		assert.match(await judge(ledger(['own.0', 'own.1']), doubled), /events differ/);

		assert.deepEqual(verifyStreams(events, events), []);
		assert.match(verifyStreams(doubled, events).join('\n'), /came after/);
		assert.match(verifyStreams(events.slice(1), events).join('\n'), /never reached/);
		assert.match(verifyStreams(events, events.slice(1)).join('\n'), /was delivered and is gone/);
	} finally {
		subscriber.stop();
		client.close();
		assert.equal(await server.stop(), 0);
		rmSync(folder, { recursive: true, force: true });
	}
});
