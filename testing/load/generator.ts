// The load generator's process: told its plan over IPC, it drives the server to saturation and tells how it went.
// Each worker sends its next request when it has the answer to the last one, so there are never more under way than
// workers.

import { Outcomes } from './outcomes.ts';
import type { LoadMessage, LoadPlan, LoadResult } from './plan.ts';
import { Worker } from './worker.ts';

process.once('message', async (plan: LoadPlan) => {
	const result = await run(plan, () => tell({ begun: true }));
	tell({ result });
	process.disconnect();
});

function tell(message: LoadMessage): void {
	process.send?.(message);
}

async function run(plan: LoadPlan, begun: () => void): Promise<LoadResult> {
	const { south, north, name, task } = plan;
	const devices = 'devices' in task ? task.devices : 0;
	const workers = Array.from(
		{ length: plan.workers },
		(_, start) => new Worker({ south, north, name: `${name}-${start}`, devices, start }),
	);
	if (task.kind === 'create') {
		begun();
		let device = 0;
		const next = () => (device < task.devices ? device++ : undefined);
		return measured(workers, () => Promise.all(workers.map((worker) => worker.create(next))));
	}
	let stopped = false;
	const work = Promise.all(workers.map((worker) => start(worker, task, () => stopped)));
	await passed(task.warmUp);
	for (const worker of workers) worker.outcomes = new Outcomes();
	begun();
	const result = await measured(workers, () => passed(task.duration));
	stopped = true;
	await work;
	return result;
}

function start(worker: Worker, task: LoadPlan['task'], stopped: () => boolean): Promise<void> {
	if (task.kind === 'connect') return worker.connect(stopped, task.resume);
	return task.kind === 'read' ? worker.read(stopped) : worker.work(stopped);
}

async function measured(workers: readonly Worker[], work: () => Promise<unknown>): Promise<LoadResult> {
	const [began, cpu] = [performance.now(), process.cpuUsage()];
	await work();
	const { user, system } = process.cpuUsage(cpu);
	const duration = performance.now() - began;
	const outcomes = workers.map((worker) => worker.outcomes);
	return { ...Outcomes.summary(outcomes), duration, ownCpu: (user + system) / 1000 };
}

function passed(milliseconds: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
