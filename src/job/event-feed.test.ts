import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openTemporary } from '../../testing/database/temporary-database.ts';
import { EventFeed } from './event-feed.ts';
import type { NewJobEvent } from './rules/model.ts';

const event = (jobId: string, ctime = 1): NewJobEvent => ({
	ctime,
	action: 'CREATE',
	jobId,
	clientId: 'c',
	workflow: 'w',
	job: '{}',
});

test('a subscriber whose next events were pruned waits for new ones instead of asking again and again', async () => {
	const { storage, destroy } = await openTemporary();
	const feed = new EventFeed(storage.events, storage.onEvents);
	try {
		// More than the feed keeps in memory, so that position 1 lies in the table only.
		await storage.commit(async (unit) => {
			for (let i = 0; i < 1_500; i++) await unit.events.append(event(`old-${i}`));
		});
		await feed.start();
		await storage.events.prune(2);
		const next = feed.after(1, new AbortController().signal);
		// A loop that never waits would not let this timer fire.
		await new Promise((resolve) => setTimeout(resolve, 5));
		await storage.commit((unit) => unit.events.append(event('new', 3)));
		assert.deepEqual(
			(await next).map(({ jobId }) => jobId),
			['new'],
		);
	} finally {
		feed.stop();
		await destroy();
	}
});

test('a subscriber far behind reads the table page by page up to the newest event, each once', async () => {
	const { storage, destroy } = await openTemporary();
	const feed = new EventFeed(storage.events, storage.onEvents);
	try {
		await feed.start();
		for (let round = 0; round < 3; round++) {
			await storage.commit(async (unit) => {
				for (let i = 0; i < 1_000; i++) await unit.events.append(event(`${round}-${i}`));
			});
		}
		const seen: number[] = [];
		while (seen.length < 3_000) {
			const page = await feed.after(seen.at(-1) ?? 0, new AbortController().signal);
			seen.push(...page.map(({ id }) => id));
		}
		assert.deepEqual(
			seen,
			Array.from({ length: 3_000 }, (_, i) => i + 1),
		);
	} finally {
		feed.stop();
		await destroy();
	}
});

test('a wait that is given up ends with nothing', async () => {
	const { storage, destroy } = await openTemporary();
	const feed = new EventFeed(storage.events, storage.onEvents);
	try {
		await feed.start();
		const abort = new AbortController();
		const next = feed.after(0, abort.signal);
		abort.abort();
		assert.deepEqual(await next, []);
	} finally {
		feed.stop();
		await destroy();
	}
});

test('whoever comes back is told where events go on, be there a gap, nothing left or another database', async () => {
	const { storage, file, destroy } = await openTemporary();
	const feed = new EventFeed(storage.events, storage.onEvents);
	try {
		for (let i = 1; i <= 10; i++) await storage.commit((unit) => unit.events.append(event(`${i}`, i)));
		await feed.start();
		assert.deepEqual([await feed.resumesAt(0), await feed.resumesAt(5), await feed.resumesAt(10)], [0, 5, 10]);
		assert.equal(await feed.resumesAt(99), 10, 'an id of another database');
		await storage.events.prune(4);
		assert.deepEqual([await feed.resumesAt(1), await feed.resumesAt(3)], [3, 3]);
		// As a restore does, so that ids told after the backup are not given again.
		const database = new DatabaseSync(file);
		database.exec("update sqlite_sequence set seq = 1000 where name = 'event'");
		database.close();
		assert.deepEqual([await feed.resumesAt(10), await feed.resumesAt(12)], [10, 1000]);
		await storage.commit((unit) => unit.events.append(event('after the gap', 11)));
		assert.equal(await feed.resumesAt(12), 1000);
		await storage.events.prune(100);
		assert.equal(await feed.resumesAt(12), 1001, 'nothing is held');
	} finally {
		feed.stop();
		await destroy();
	}
});

test('events that are committed while a subscriber of an empty table is placed are not told to be lost', async () => {
	const { storage, destroy } = await openTemporary();
	// Whichever is asked first, the first event is there before the second question.
	let asked = 0;
	const commitBetween = async () => {
		if (++asked === 2) await storage.commit((unit) => unit.events.append(event('first')));
	};
	const reader = {
		...storage.events,
		read: async (after: number, limit: number) => {
			await commitBetween();
			return await storage.events.read(after, limit);
		},
		range: async () => {
			await commitBetween();
			return await storage.events.range();
		},
	};
	const feed = new EventFeed(reader, storage.onEvents);
	try {
		assert.equal(await feed.resumesAt(0), 0);
	} finally {
		feed.stop();
		await destroy();
	}
});
