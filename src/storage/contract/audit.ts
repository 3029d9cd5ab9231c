// Contract: audit rows are appended inside a unit and read in commit order.

import assert from 'node:assert/strict';
import { type OpenStore, storeTest } from './stores.ts';

export function auditContract(open: OpenStore): void {
	storeTest('an audit row is written whatever name it holds', open, async (storage) => {
		const row = { time: 1, actor: 'anonymous', action: 'access.denied', subject: '/jobs/\0', detail: { path: '\0' } };
		await storage.commit((unit) => unit.audit.append(row));
		const [read] = await storage.audit.read(0, 10);
		assert.match(read?.subject ?? '', /^\/jobs\/.$/);
		assert.deepEqual(read?.detail, row.detail);
	});

	storeTest('audit rows come back in commit order, in pages, as they were appended', open, async (storage) => {
		const first = { time: 1_750_000_000_123, actor: 'operator', action: 'job.create', subject: 'a' };
		const second = { ...first, actor: 'caisson', subject: 'ä', detail: { count: 3, reasons: ['old'] } };
		await storage.commit((unit) => unit.audit.append(first));
		await storage.commit((unit) => unit.audit.append(second));
		const rows = await storage.audit.read(0, 10);
		assert.deepEqual(rows, [
			{ ...first, id: rows[0]?.id },
			{ ...second, id: rows[1]?.id },
		]);
		assert.ok(Number(rows[0]?.id) < Number(rows[1]?.id));
		assert.deepEqual(await storage.audit.read(Number(rows[0]?.id), 10), rows.slice(1));
		assert.deepEqual(await storage.audit.read(0, 1), rows.slice(0, 1));
	});
}
