// `caisson trust client` as a device's script sees it: results, exit codes, files.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { trustClientWorld } from '../../../programs/cli/trust-client.ts';
import { type World, withWorld } from '../../../testing/tuf-repository/device.ts';
import { meaningOf } from '../../errors.ts';
import { recordingTerminal } from '../../terminal/recording-terminal.ts';
import { trustCommands } from '../commands.ts';
import { clientCommand } from './client.ts';

async function run(words: readonly string[]) {
	const terminal = recordingTerminal();
	const command = clientCommand(terminal, trustClientWorld);
	for (const each of [command, ...command.commands]) each.exitOverride();
	await command.parseAsync([...words], { from: 'user' });
	return terminal;
}

/** Words of a command for a state that lies beside the device's own. */
const wordsFor = ({ server, device }: World) => ({
	state: ['--state', join(device.folder, 'cli')],
	metadata: ['--metadata-url', `${server.url}/metadata`],
	targets: ['--target-url', `${server.url}/targets`, '--out', device.downloads],
});

async function initialised(world: World): Promise<ReturnType<typeof wordsFor>> {
	const words = wordsFor(world);
	const file = join(world.device.folder, 'root.json');
	await writeFile(file, world.repository.firstRoot);
	const { stdoutText } = await run(['init', file, ...words.state]);
	assert.match(stdoutText, /^Trusts root version 1, which expires at /);
	return words;
}

/** Exit code 1 and this code, as every failure of these commands has. */
const failsWith = (code: string, words: readonly string[]) =>
	assert.rejects(run(words), (error) => meaningOf(error).code === code && meaningOf(error).exit === 1);

test('init, refresh and download bring a target to its place', () =>
	withWorld(async (world) => {
		world.repository.addTarget('targets', 'a/file', 'content');
		world.repository.publish();
		const { state, metadata, targets } = await initialised(world);
		assert.match((await run(['refresh', ...state, ...metadata])).stdoutText, /^Role +Version\nroot +1\n/);
		const { stdoutText } = await run(['download', 'a/file', ...state, ...metadata, ...targets, '--format', 'json']);
		assert.equal(JSON.parse(stdoutText).targets[0].outcome, 'downloaded');
		assert.equal(await readFile(join(world.device.downloads, 'a', 'file'), 'utf8'), 'content');
		const again = await run(['download', 'a/file', ...state, ...metadata, ...targets]);
		assert.match(again.stdoutText, /a\/file +cached/);
	}));

test('a refusal ends with exit code 1, its code, and as a value where JSON is asked for', () =>
	withWorld(async (world) => {
		const { state, metadata } = await initialised(world);
		world.repository.timestamp.expires = world.repository.inDays(-1);
		world.repository.publishTimestamp();
		await failsWith('trust-refused', ['refresh', ...state, ...metadata]);
		await assert.rejects(run(['refresh', ...state, ...metadata]), /^CaissonError: freeze: /);
	}));

test('every other failure ends with exit code 1 too', () =>
	withWorld(async (world) => {
		const { state, metadata, targets } = wordsFor(world);
		await failsWith('trust-state-missing', ['refresh', ...state, ...metadata]);
		await failsWith('trust-client-failed', ['init', '/no/such/root.json', ...state]);
		await initialised(world);
		await failsWith('trust-client-failed', ['refresh', ...state, '--metadata-url', 'ftp://x/']);
		await failsWith('trust-refused', ['refresh', ...state, '--metadata-url', 'http://127.0.0.1:1/']);
		await failsWith('trust-refused', ['download', 'missing', ...state, ...metadata, ...targets]);
		await failsWith('trust-client-failed', ['refresh', '--state', '/dev/null/x', ...metadata]);
	}));

test('a second place of the metadata takes over', () =>
	withWorld(async (world) => {
		const { state, metadata } = await initialised(world);
		const dead = ['--metadata-url', 'http://127.0.0.1:1/', '--mirror', metadata[1] as string];
		assert.match((await run(['refresh', ...state, ...dead])).stdoutText, /timestamp +1/);
	}));

test('the commands are found under trust', () => {
	const command = trustCommands(recordingTerminal(), { client: trustClientWorld } as never);
	assert.ok(command.commands.some((each) => each.name() === 'client'));
});
