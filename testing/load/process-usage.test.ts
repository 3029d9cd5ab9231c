import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { cpuTime, descendants, peakMemory } from './process-usage.ts';

test('processor time of a child that still runs counts for its parent', async (t) => {
	const child = spawn(process.execPath, [
		'-e',
		// By its own clock of work, as a busy machine gives it less than the time that passes.
		'while (process.cpuUsage().user < 150_000); process.stdin.resume()',
	]);
	t.after(() => child.kill());
	const pid = child.pid ?? 0;
	while (cpuTime(pid) < 100) await new Promise((resolve) => setTimeout(resolve, 20));
	assert.ok(descendants(process.pid).includes(pid));
	assert.ok(cpuTime(process.pid) >= 100);
});

test('the most memory held stays known after it was let go', () => {
	const before = peakMemory(process.pid);
	// Filled, as memory that nobody wrote to is not there yet.
	assert.equal(Buffer.alloc(before + 50e6, 1).at(-1), 1);
	assert.ok(peakMemory(process.pid) >= before + 50e6);
});

test('a process that is gone has used nothing', async () => {
	const child = spawn('true');
	await once(child, 'close');
	assert.equal(cpuTime(child.pid ?? 0), 0);
	assert.equal(peakMemory(child.pid ?? 0), 0);
});
