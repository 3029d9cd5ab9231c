// Contract of a store that several servers use at once: events are read in commit order whoever made them, units of
// different servers on the same rows run one after the other, and a server hears of another's events.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobEvent } from '../../job/store.ts';
import type { Storage } from '../store.ts';
import { changeJob, insertJobs, type SharedStore, sampleEvent, sampleJob, sampleWorkflow, withCode } from './stores.ts';

export function serverContract(share: () => Promise<SharedStore>): void {
	const serversTest = (name: string, body: (one: Storage, two: Storage, store: SharedStore) => Promise<void>) =>
		test(name, async () => {
			const store = await share();
			try {
				await store.storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
				await body(store.storage, await store.another(), store);
			} finally {
				await store.destroy();
			}
		});

	serversTest(
		'overlapping units of two servers that commit in reverse order keep the order of commits',
		async (one, two) => {
			const appended = Promise.withResolvers<void>();
			const goOn = Promise.withResolvers<void>();
			const first = one.commit(async (unit) => {
				await unit.jobs.insert(sampleJob('a'));
				await unit.events.append(sampleEvent('a'));
				appended.resolve();
				await goOn.promise;
			});
			await appended.promise;
			await two.commit((unit) => unit.events.append(sampleEvent('b')));
			const before = await two.events.read(0, 10);
			assert.deepEqual(names(before), ['b'], 'what committed is there, what did not is not waited for');
			goOn.resolve();
			await first;
			const after = await two.events.read(Number(before[0]?.id), 10);
			assert.deepEqual(names(after), ['a'], 'whoever resumes after b finds a');
			assert.deepEqual(names(await one.events.read(0, 10)), ['b', 'a']);
			const rows = [...before, ...after].map(({ id }) => id);
			assert.equal(Number(rows[1]), Number(rows[0]) + 1, 'no number is missing');
		},
	);

	serversTest('a unit that failed on one server leaves no gap in the numbers of another', async (one, two) => {
		await one.commit((unit) => unit.events.append(sampleEvent('a')));
		const failed = one.commit(async (unit) => {
			await unit.events.append(sampleEvent('lost'));
			throw new Error('undone');
		});
		await assert.rejects(failed, /undone/);
		await two.commit((unit) => unit.events.append(sampleEvent('b')));
		const events = await one.events.read(0, 10);
		assert.deepEqual(names(events), ['a', 'b']);
		assert.equal(Number(events[1]?.id), Number(events[0]?.id) + 1);
	});

	serversTest(
		'whoever follows the writers of two servers gets each event once, in one order',
		async (one, two, store) => {
			const reader = await store.another();
			const followed: JobEvent[] = [];
			let reading = Promise.resolve();
			const follow = async () => {
				for (const event of await reader.events.read(followed.at(-1)?.id ?? 0, 100)) followed.push(event);
			};
			const stop = reader.onEvents(() => {
				reading = reading.then(follow);
			});
			const written = await Promise.all(
				Array.from({ length: 40 }, async (_, writer) => {
					const own: string[] = [];
					for (let turn = 0; turn < 20; turn++) {
						const name = `${writer}.${turn}`;
						const step = (writer % 2 === 0 ? one : two).commit(async (unit) => {
							await unit.events.append(sampleEvent(name));
							if (turn % 7 === 3) throw new Error('undone');
						});
						await step.then(
							() => own.push(name),
							() => {},
						);
					}
					return own;
				}),
			);
			stop();
			await reading;
			while ((await reader.events.read(followed.at(-1)?.id ?? 0, 1)).length > 0) await follow();
			assert.deepEqual(followed, await one.events.read(0, 10_000), 'nothing was skipped on the way');
			assert.deepEqual(names(followed).sort(), written.flat().sort());
			for (const own of written)
				assert.deepEqual(
					names(followed).filter((name) => own.includes(name)),
					own,
				);
		},
	);

	serversTest(
		'a listener is called after a commit on another server, whose events can be read by then',
		async (one, two) => {
			const seen = Promise.withResolvers<JobEvent[]>();
			const stop = one.onEvents(() => {
				one.events.read(0, 10).then((events) => events.length > 0 && seen.resolve(events), seen.reject);
			});
			await two.commit((unit) => unit.events.append(sampleEvent('a')));
			assert.deepEqual(names(await seen.promise), ['a']);
			stop();
		},
	);

	serversTest('updates of one job through two servers are all kept, each on what it finds', async (one, two) => {
		await insertJobs(one, [sampleJob('a')]);
		const versions = await Promise.all(
			Array.from({ length: 400 }, async (_, index) => {
				const status = { state: 'RUNNING', message: `${index}` };
				return (await changeJob(index % 2 === 0 ? one : two, 'a', { status })).version;
			}),
		);
		assert.equal(new Set(versions).size, 400, 'each version was given once');
		assert.equal((await two.jobs.find('a'))?.version, 401);
		assert.equal((await one.jobs.history('a')).length, 400);
	});

	serversTest('two servers that lock the same jobs in opposite order both get through', async (one, two) => {
		await insertJobs(one, [sampleJob('a'), sampleJob('b')]);
		const found = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
		const change = (storage: Storage, first: string, second: string, own: 0 | 1) =>
			storage.commit(async (unit) => {
				const jobs = [await unit.jobs.find(first)];
				found[own].resolve();
				await found[1 - own]?.promise;
				jobs.push(await unit.jobs.find(second));
				for (const job of jobs) {
					assert.ok(job !== undefined);
					await unit.jobs.save({ ...job, version: job.version + 1 }, []);
				}
			});
		await Promise.all([change(one, 'a', 'b', 0), change(two, 'b', 'a', 1)]);
		assert.equal((await one.jobs.find('a'))?.version, 3);
		assert.equal((await one.jobs.find('b'))?.version, 3);
	});

	serversTest('a workflow is removed on one server or used on another, never both', async (one, two) => {
		const outcomes = new Set<string>();
		for (let turn = 0; turn < 20; turn++) {
			const workflow = { ...sampleWorkflow, name: `w${turn}` };
			await one.commit((unit) => unit.workflows.insert(workflow));
			const [used, removed] = await Promise.allSettled([
				one.commit((unit) => unit.jobs.insert(sampleJob(`job-${turn}`, { workflow }))),
				two.commit((unit) => unit.workflows.remove(workflow.name)),
			]);
			outcomes.add(`${used.status} ${removed.status}`);
			assert.notEqual(used.status, removed.status);
			if (used.status === 'rejected') assert.ok(withCode('workflow-not-found')(used.reason), String(used.reason));
			if (removed.status === 'rejected') assert.ok(withCode('workflow-in-use')(removed.reason), String(removed.reason));
			assert.equal((await one.workflows.find(workflow.name)) === undefined, removed.status === 'fulfilled');
		}
		assert.ok(outcomes.size > 0);
	});

	serversTest('a workflow that two servers make at once is made by one', async (one, two) => {
		for (let turn = 0; turn < 20; turn++) {
			const made = await Promise.allSettled(
				[one, two].map((storage, by) =>
					storage.commit((unit) =>
						unit.workflows.insert({ ...sampleWorkflow, name: `w${turn}`, description: `${by}` }),
					),
				),
			);
			assert.deepEqual(made.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
			const lost = made.find((outcome) => outcome.status === 'rejected');
			assert.ok(withCode('workflow-exists')(lost?.reason), String(lost?.reason));
			const winner = made.findIndex(({ status }) => status === 'fulfilled');
			assert.equal((await two.workflows.find(`w${turn}`))?.description, `${winner}`);
		}
	});

	serversTest('servers that seal the audit trail at once go on from each other', async (one, two) => {
		const seal = (storage: Storage) =>
			storage.commit(async (unit) => {
				const number = ((await unit.seals.last())?.number ?? 0) + 1;
				await unit.seals.append({ number, body: `${number}` });
			});
		await Promise.all(Array.from({ length: 20 }, (_, index) => seal(index % 2 === 0 ? one : two)));
		const numbers = (await one.chain.seals(0, 100)).map(({ number }) => number);
		assert.deepEqual(
			numbers,
			Array.from({ length: 20 }, (_, index) => index + 1),
		);
	});

	serversTest('servers that count the same downloads at once add up', async (one, two) => {
		const digests = Array.from({ length: 30 }, (_, index) => `digest-${index}`);
		const counted = (order: readonly string[]) =>
			order.map((digest) => ({ digest, clientId: 'd', day: '2026-01-01', requests: 1, ranges: 1, bytes: 10 }));
		await Promise.all(
			Array.from({ length: 20 }, (_, index) => {
				const order = index % 2 === 0 ? digests : digests.toReversed();
				return (index % 2 === 0 ? one : two).commit((unit) => unit.traffic.add(counted(order)));
			}),
		);
		const sums = await two.traffic.sums({}, 'artifact', { limit: 100 });
		assert.deepEqual([sums.length, new Set(sums.map(({ bytes }) => bytes))], [30, new Set([200])]);
	});
}

function names(events: readonly JobEvent[]): string[] {
	return events.map(({ jobId }) => jobId);
}
