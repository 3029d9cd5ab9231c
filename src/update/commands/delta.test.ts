// `caisson update delta` as a person sees it, and its files packed as they are.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCaseFile } from '../../../testing/cli-cases/run-case.ts';
import { edited, noise } from '../../../testing/delta/synthetic.ts';
import { fileKeys } from '../../outside/signer/keys.ts';
import { type RecordingOptions, recordingTerminal } from '../../terminal/recording-terminal.ts';
import { packUpdate } from '../pack.ts';
import { deltaCommand } from './delta.ts';
import { inspectCommand } from './inspect.ts';

const skip = spawnSync('rdiff', ['--version']).error === undefined ? false : 'rdiff is not installed';
const folder = mkdtempSync(join(tmpdir(), 'caisson-delta-command-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string) => join(folder, name);

before(() => {
	const old = noise(3, 700_000);
	writeFileSync(file('old.img'), old);
	writeFileSync(file('new.img'), edited(old, 2));
});

async function run(words: readonly string[], options: RecordingOptions = {}) {
	const terminal = recordingTerminal(options);
	await deltaCommand(terminal)
		.exitOverride()
		.parseAsync([file('old.img'), file('new.img'), '--no-compress', ...words], { from: 'user' });
	return terminal;
}

describe('caisson update delta', { skip }, () => {
	it('prints what the case file shows', () => runCaseFile('testdata/update/delta/plan.txt'));

	it('writes files that pack without a change', async () => {
		const out = file('out');
		const { stdoutText, stderrText } = await run(['-o', out, '--way', 'all', '--url', 'http://server/{sha256}']);
		assert.equal(stdoutText.match(/^Wrote /gm)?.length, 6);
		assert.match(stderrText, /caisson artifact add .*new\.img\.zck\n/);
		assert.match(stderrText, /caisson update pack .*new\.img\.zck\.yaml /);
		const signer = await fileKeys.openSigner({
			keyFile: 'testdata/update/keys/rsa.key.pem',
			certificateFile: 'testdata/update/keys/rsa.cert.pem',
		});
		for (const name of readdirSync(out).filter((each) => each.endsWith('.yaml'))) {
			const output = join(out, `${name}.swu`);
			const { description } = await packUpdate({ specification: { file: join(out, name) }, signer, output });
			assert.match(description, /type = "readback"/, name);
		}
		assert.match(readFileSync(join(out, 'new.img.zck.yaml'), 'utf8'), /url: "http:\/\/server\/[0-9a-f]{64}"/);
	});

	it('takes handlers and release from a device profile', async () => {
		const profile = file('device.yaml');
		writeFileSync(
			profile,
			'swupdate: { version: "2026.05" }\ntrust: { certificates: c.pem }\nhandlers: { remove: [delta] }\n',
		);
		const without = await run(['--device', profile]);
		assert.match(without.stdoutText, /Not zck: The device’s SWUpdate has no handler delta\./);
		assert.equal(without.exitCode, 1);
		writeFileSync(profile, 'swupdate: { version: "2026.05" }\ntrust: { certificates: c.pem }\n');
		await run(['--device', profile, '-o', file('recent')]);
		assert.match(readFileSync(join(file('recent'), 'new.img.zck.yaml'), 'utf8'), /max-ranges: 10$/m);
	});

	it('leaves nothing when it is interrupted', async () => {
		const stop = AbortSignal.abort(new Error('interrupted'));
		await assert.rejects(run(['-o', file('nothing')], { interrupted: stop }), /interrupted/);
		assert.deepEqual(readdirSync(file('nothing')), []);
	});

	it('is followed by an inspection that tells of a delta packed on trust', async () => {
		const out = file('trust');
		await run(['-o', out, '--way', 'rdiff']);
		const trusted = { type: 'rdiff_image', source: 'new.img.rdiff', device: '/dev/b', unverified: true };
		const images = [{ ...trusted, properties: { rdiffbase: '/dev/a' } }];
		const value = { version: '1', 'hardware-compatibility': 'any', images };
		const output = join(out, 'x.swu');
		await packUpdate({ specification: { value }, baseDirectory: out, output });
		const terminal = recordingTerminal();
		await inspectCommand(terminal, fileKeys).exitOverride().parseAsync([output], { from: 'user' });
		assert.match(terminal.stdoutText, /^images\[0\] +new\.img\.rdiff +rdiff_image +\/dev\/b +packed unverified$/m);
	});

	it('shows progress on a terminal', async () => {
		const { stderrText } = await run([], { onTerminal: true });
		assert.match(stderrText, /Making the \.zck: .*Cutting the old image: .*Making the rdiff delta: /s);
	});
});
