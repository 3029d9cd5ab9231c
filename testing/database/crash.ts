// A process that opens a database and kills itself in the middle of a unit of work: what kill -9 does at the worst
// moment. `node crash.ts FILE POINT`; the parent reads the database afterwards.

import { openSqlite } from '../../src/storage/sqlite/open.ts';
import type { UnitOfWork } from '../../src/storage/store.ts';
import type { Workflow } from '../../src/workflow/rules/model.ts';

/** Where the process dies. All but the last come before the change is durable. */
export const crashPoints = ['before-event', 'before-audit', 'before-commit', 'after-commit'] as const;
export type CrashPoint = (typeof crashPoints)[number];

const workflow: Workflow = { name: 'crash', states: [{ name: 'NEW' }], transitions: [] };

async function write(unit: UnitOfWork, id: string, at: (point: CrashPoint) => void): Promise<void> {
	const status = { state: 'NEW' };
	await unit.jobs.insert({
		...{ id, clientId: 'device', workflow, tags: ['crash'], status },
		...{ stime: 1, mtime: 1, version: 1, reports: 1 },
	});
	at('before-event');
	await unit.events.append({ ctime: 1, action: 'CREATE', jobId: id, clientId: 'device', workflow: 'crash', job: '{}' });
	at('before-audit');
	await unit.audit.append({ time: 1, actor: 'operator', action: 'job.create', subject: id });
}

async function main(file: string, point: CrashPoint): Promise<void> {
	let armed = false;
	const at = (here: CrashPoint) => {
		if (armed && here === point) process.kill(process.pid, 'SIGKILL');
	};
	const storage = await openSqlite(file, {
		aroundCommit(commit) {
			at('before-commit');
			commit();
			at('after-commit');
		},
	});
	await storage.commit(async (unit) => {
		if ((await unit.workflows.find('crash')) === undefined) await unit.workflows.insert(workflow);
	});
	await storage.commit((unit) => write(unit, `acknowledged-${point}`, () => {}));
	armed = true;
	// A batch of several: all of them are lost, or none.
	await Promise.all([1, 2, 3].map((n) => storage.commit((unit) => write(unit, `${point}-${n}`, at))));
	throw new Error('the process should have died');
}

const [, program, file, point] = process.argv;
if (program === import.meta.filename && file !== undefined) await main(file, point as CrashPoint);
