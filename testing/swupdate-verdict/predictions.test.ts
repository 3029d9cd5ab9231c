// Caisson's verdict on every case beside the verdict of the real SWUpdate, as recorded; and what is expected of the case.
// No root is needed: the program's verdicts are golden data, remade by verdicts.device.test.ts and main.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectationOf, readCases, releaseOf } from './case.ts';
import { predictedVerdict } from './predict.ts';
import { readRecording, verdictOf } from './record.ts';

const cases = readCases();

for (const suite of ['trixie', 'sid']) {
	const recording = readRecording(suite);
	assert.ok(recording !== undefined, `there is no recording of ${suite}`);
	const release = releaseOf(recording.swupdate);
	describe(`the pre-flight check for SWUpdate ${release}, ${suite}`, () => {
		it('was recorded for every case', () => {
			assert.deepEqual(
				Object.keys(recording.verdicts),
				cases.map(({ name }) => name),
			);
		});

		for (const each of cases) {
			it(`predicts ${each.name}: ${each.shows}`, async () => {
				const predicted = await predictedVerdict(each, release);
				const real = recording.verdicts[each.name];
				assert.ok(real !== undefined);
				const expected = expectationOf(each, release);
				assert.equal(verdictOf(real), expected.verdict, `the real program: ${real.errors.join(' | ')}`);
				if (each.notPredicted !== undefined) {
					assert.equal(predicted.verdict, 'installs');
					assert.ok(predicted.notChecked.includes(each.notPredicted), predicted.notChecked.join('; '));
					return;
				}
				assert.equal(predicted.verdict, verdictOf(real), predicted.reason);
				assert.equal(predicted.stage, expected.stage, predicted.reason);
			});
		}
	});
}
