// `caisson update check` as a person and a program see it.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fileKeys } from '../../outside/signer/keys.ts';
import { recordingTerminal } from '../../terminal/recording-terminal.ts';
import { parseDeviceProfile } from '../rules/device-profile.ts';
import { checkCommand } from './check.ts';

const testdata = (name: string) => fileURLToPath(new URL(`../../../testdata/update/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'caisson-check-command-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'trust.pem'), readFileSync(testdata('keys/rsa.cert.pem')));

async function run(...words: string[]) {
	const terminal = recordingTerminal({});
	const command = checkCommand(terminal, fileKeys);
	command.exitOverride();
	await command.parseAsync(words, { from: 'user' });
	return terminal;
}

function profile(more = ''): string {
	const file = join(folder, 'device.yaml');
	const hardware = 'hardware: { board: b, revision: "1.0" }';
	writeFileSync(file, `swupdate: { version: "2024.12" }\n${hardware}\ntrust: { certificates: trust.pem }\n${more}`);
	return file;
}

const update = testdata('reference.swu');

describe('caisson update check', () => {
	it('shows each stage, the first that fails with its reason, and where SWUpdate decides it', async () => {
		const { stdoutText, exitCode } = await run(update, '--device', profile('selection: stable,copyA'));
		const lines = stdoutText.split('\n');
		assert.equal(lines[0], '✔ archive      sw-description and its signature stand first');
		assert.ok(lines.includes('✖ after        Invalid hash'), stdoutText);
		assert.ok(lines.includes('- bootenv      not reached'));
		assert.match(stdoutText, /SWUpdate would refuse .* at the stage after \(core\/installer\.c run_prepost_scripts\)/);
		assert.equal(exitCode, 1);
	});

	it('takes files of the profile relative to it, and gives JSON', async () => {
		const { stdoutText, exitCode } = await run(update, '--device', profile(), '--format', 'json');
		const verdict = JSON.parse(stdoutText);
		assert.equal(verdict.verdict, 'refused');
		assert.equal(verdict.stage, 'description');
		assert.equal(verdict.reason, 'Found nothing to install');
		assert.deepEqual(Object.keys(verdict.stages[0]), ['name', 'state', 'source']);
		assert.equal(exitCode, 1);
	});

	it('prints a sample profile that can be read', async () => {
		const { stdoutText, exitCode } = await run('--sample-profile');
		assert.equal(parseDeviceProfile(stdoutText).release, '2024.12');
		assert.equal(exitCode, 0);
	});

	it('refuses wrong use, and files that are not there', async () => {
		await assert.rejects(run(update), { code: 'usage-wrong', message: /--device/ });
		await assert.rejects(run('--device', profile()), { code: 'usage-wrong' });
		await assert.rejects(run(join(folder, 'none.swu'), '--device', profile()), { code: 'file-unusable' });
		await assert.rejects(run(update, '--device', join(folder, 'none.yaml')), { code: 'file-unusable' });
		rmSync(join(folder, 'trust.pem'));
		await assert.rejects(run(update, '--device', profile()), { code: 'file-unusable', message: /trust\.pem/ });
	});
});
