// The recorded verdicts are still those of the real SWUpdate: every case is run again on Debian's own program. Needs root;
// without it the recordings stand in (predictions.test.ts).

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareRoot, whyNot } from '../real-device/root.ts';
import { readCases, releaseOf } from './case.ts';
import type { RealVerdict } from './device.ts';
import { readRecording, runCases, verdictOf } from './record.ts';

const reason = await whyNot();
const suite = process.env.CAISSON_DEVICE_SUITE || 'trixie';

describe('the real SWUpdate', { skip: reason ?? false }, () => {
	it('decides every case as it is recorded', async () => {
		const recording = readRecording(suite);
		assert.ok(
			recording !== undefined,
			`there is no recording of ${suite}: node testing/swupdate-verdict/main.ts --write`,
		);
		const root = await prepareRoot({ suite, expired: process.env.CAISSON_DEVICE_EXPIRED === '1' });
		assert.equal(releaseOf(root.swupdateVersion), releaseOf(recording.swupdate), 'the archive has another release now');
		const cases = readCases();
		const real = await runCases(root, cases);
		for (const { name } of cases) {
			const found = real.get(name);
			const recorded: RealVerdict | undefined = recording.verdicts[name];
			assert.ok(found !== undefined && recorded !== undefined, name);
			assert.equal(verdictOf(found), verdictOf(recorded), `${name}: ${found.errors.join(' | ')}`);
		}
	});
});
