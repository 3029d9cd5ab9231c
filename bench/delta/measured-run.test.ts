import assert from 'node:assert/strict';
import { test } from 'node:test';
import { programsMissing } from '../../testing/real-device/programs.ts';
import { measuredRuns, medians } from './measured-run.ts';

const skip = (await programsMissing(['time'])) ?? false;

test('programs that run one after the other count together, with the largest memory of them', { skip }, async () => {
	const size = 64 * 1024 * 1024;
	const { wall, memory } = await measuredRuns([
		['sleep', '0.2'],
		[process.execPath, '-e', `Buffer.alloc(${size}, 1)`],
	]);
	assert.ok(wall >= 0.2, `${wall} s`);
	assert.ok(memory >= size, `${memory} bytes`);
});

test('a program that fails is an error with its words', { skip }, async () => {
	await assert.rejects(measuredRuns([['sh', '-c', 'echo no such luck; exit 3']]), /ended with 3: no such luck/);
});

test('each figure has its own median', () => {
	const runs = [
		{ wall: 3, processor: 1, memory: 20 },
		{ wall: 1, processor: 2, memory: 30 },
		{ wall: 2, processor: 9, memory: 10 },
	];
	assert.deepEqual(medians(runs), { wall: 2, processor: 2, memory: 20 });
});
