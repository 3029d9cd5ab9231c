import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machineLines, thisMachine } from './machine.ts';
import { barMet, figure, type Report, type Row, ratioOf, reportText } from './report.ts';

const machine = {
	processor: 'Example CPU',
	processors: 2,
	memory: 4 * 2 ** 30,
	kernel: '6.12 #1',
	node: 'v24.0.0',
	temporary: '/tmp (ext4, 9 GiB free)',
	load: 0.1,
};

test('a ratio says how many times better the first column is, whichever way is better', () => {
	assert.equal(ratioOf({ name: 'rate', unit: '', values: [900, 300], better: 'more' }, 1), 3);
	assert.equal(ratioOf({ name: 'p99', unit: 'ms', values: [2, 5], better: 'less' }, 1), 2.5);
});

test('there is no ratio where a value is missing, zero, or neither way is better', () => {
	assert.equal(ratioOf({ name: 'rate', unit: '', values: [900, undefined], better: 'more' }, 1), undefined);
	assert.equal(ratioOf({ name: 'rate', unit: '', values: [900, 0], better: 'more' }, 1), undefined);
	assert.equal(ratioOf({ name: 'errors', unit: '', values: [1, 2] }, 1), undefined);
});

test('a bar is met, missed or not compared, and nothing else', () => {
	const row = (values: (number | undefined)[], bar: Row['bar']): Row => ({
		...{ name: 'rate', unit: '', values, better: 'more' },
		...(bar && { bar }),
	});
	assert.equal(barMet(row([900, 300], { ratio: 3 })), true);
	assert.equal(barMet(row([899, 300], { ratio: 3 })), false);
	assert.equal(barMet(row([900, undefined], { ratio: 3 })), 'not compared');
	assert.equal(barMet(row([900, 300], undefined)), undefined);
	assert.equal(barMet({ name: 'memory', unit: 'MB', values: [251], better: 'less', bar: { value: 250 } }), false);
	assert.equal(barMet({ name: 'memory', unit: 'MB', values: [250], better: 'less', bar: { value: 250 } }), true);
	assert.equal(barMet({ name: 'by tag', unit: 'ms', values: [undefined], bar: { value: 10 } }), 'not compared');
});

test('a report shows machine, settings, aligned columns, ratios and bars', () => {
	const report: Report = {
		name: 'jobs',
		about: 'what it measures.',
		machine,
		settings: { rounds: 3 },
		tables: [
			{
				title: 'Under load',
				columns: ['Caisson', 'wfx'],
				rows: [
					{ name: 'requests', unit: '1/s', values: [9000, 3000], better: 'more', bar: { ratio: 3 } },
					{ name: 'p99', unit: 'ms', values: [12.345, undefined], better: 'less' },
				],
			},
		],
		notes: ['A note.'],
	};
	assert.equal(
		reportText(report),
		[
			'jobs: what it measures.',
			'',
			...machineLines(machine),
			'setting  rounds: 3',
			'',
			'Under load',
			'               Caisson    wfx  to wfx      bar',
			'requests, 1/s    9,000  3,000   3.00×  3×: met',
			'p99, ms           12.3      -',
			'',
			'* A note.',
			'',
		].join('\n'),
	);
});

test('figures keep three significant digits, and whole numbers stay whole', () => {
	assert.deepEqual([12.345, 0.012345, 1234.5, 100.4, 3].map(figure), ['12.3', '0.0123', '1,235', '100', '3']);
});

test('a busy machine is said to be busy', () => {
	assert.equal(machineLines(machine).length, 2);
	assert.match(machineLines({ ...machine, load: 1.5 }).join('\n'), /busy with other things/);
});

test('this machine is described from the system', () => {
	const here = thisMachine();
	assert.ok(here.processors >= 1);
	assert.match(here.temporary, / \(\w+, \d+ GiB free\)$/);
});
