// Two servers whose clocks differ by 90 seconds, on one database: what a job and its events look like then.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { withoutPostgres } from '../../../testing/postgres/server.ts';
import { openPostgresStore } from '../../../testing/postgres/store.ts';
import { Folding } from '../../job/folding.ts';
import { createJob, editTags, type JobWorld, updateStatus } from '../../job/steps.ts';
import { sampleWorkflow } from '../contract/stores.ts';
import type { Storage } from '../store.ts';

const apart = 90_000;

function world(storage: Storage, now: () => number): JobWorld {
	return {
		jobs: storage.jobs,
		commit: storage.commit,
		folding: new Folding(),
		now,
		newId: randomUUID,
		sha256: (bytes) => createHash('sha256').update(bytes).digest('hex'),
	};
}

test('where clocks differ by 90 s a job never goes back in time and events keep the order of changes', {
	skip: withoutPostgres(),
}, async () => {
	const store = await openPostgresStore();
	try {
		await store.storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		let time = 1_750_000_000_000;
		const ahead = world(store.storage, () => time + apart);
		const behind = world(await store.another(), () => time);
		const { id } = await createJob(ahead, { clientId: 'd', workflow: sampleWorkflow.name, tags: [] }, 'operator');
		assert.ok(id !== undefined);
		const mtimes: number[] = [];
		const states: string[] = [];
		for (let turn = 0; turn < 10; turn++) {
			time += 100;
			const server = turn % 2 === 0 ? behind : ahead;
			const report = { state: 'RUNNING', clientId: 'd', message: `${turn}` };
			await updateStatus(server, id, report, 'CLIENT', { by: 'anonymous' });
			if (turn % 3 === 0) await editTags(server, id, 'add', [`t${turn}`], { by: 'operator' });
			const job = await store.storage.jobs.find(id);
			mtimes.push(job?.mtime ?? 0);
			states.push(String(job?.status.message));
		}
		assert.deepEqual(
			states,
			Array.from({ length: 10 }, (_, turn) => `${turn}`),
		);
		assert.deepEqual(
			mtimes.toSorted((a, b) => a - b),
			mtimes,
			'mtime never runs backwards',
		);
		const history = await store.storage.jobs.history(id);
		const times = history.map(({ mtime }) => mtime);
		assert.deepEqual(
			times.toSorted((a, b) => b - a),
			times,
			'nor does the history',
		);

		const events = await store.storage.events.read(0, 100);
		const messages = events.flatMap(({ action, job }) =>
			action === 'UPDATE_STATUS' ? [String(JSON.parse(job).status.message)] : [],
		);
		assert.deepEqual(messages, states, 'events come in the order of changes, whatever their time says');
		assert.ok(events.some((event, index) => index > 0 && event.ctime < Number(events[index - 1]?.ctime)));
	} finally {
		await store.destroy();
	}
});
