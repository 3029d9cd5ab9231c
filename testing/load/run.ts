// Runs a load generator in a process of its own and measures the server meanwhile: CPU time and memory of its process
// and of all below it. Figures, no verdict.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadMessage, LoadPlan, LoadResult } from './plan.ts';
import { cpuTime } from './process-usage.ts';

export interface MeasuredLoad extends LoadResult {
	/** Requests that succeeded, a second. */
	readonly rate: number;
	/** Milliseconds of CPU time of the server, and of what runs below it, for each request that succeeded. */
	readonly serverCpu: number;
	/** Of one processor: 1 is one all the time. */
	readonly ownShare: number;
	readonly serverShare: number;
}

const generator = fileURLToPath(new URL('./generator.ts', import.meta.url));

/**
 * @param pids the server's processes; their children count too
 * @throws Error where the generator ends without a result
 */
export function runLoad(plan: LoadPlan, pids: readonly number[]): Promise<MeasuredLoad> {
	return new Promise((resolve, reject) => {
		const child = fork(generator, { execArgv: ['--disable-warning=ExperimentalWarning'] });
		const cpu = () => pids.reduce((sum, pid) => sum + cpuTime(pid), 0);
		let before = 0;
		child.on('message', (message: LoadMessage) => {
			if ('begun' in message) before = cpu();
			else resolve(measuredLoad(message.result, cpu() - before));
		});
		child.once('error', reject);
		child.once('exit', (code, signal) => reject(new Error(`the load generator ended with ${code ?? signal}`)));
		child.send(plan);
	});
}

function measuredLoad(result: LoadResult, cpu: number): MeasuredLoad {
	const { requests, duration, ownCpu } = result;
	return {
		...result,
		rate: (requests / duration) * 1000,
		serverCpu: requests === 0 ? 0 : cpu / requests,
		ownShare: ownCpu / duration,
		serverShare: cpu / duration,
	};
}
