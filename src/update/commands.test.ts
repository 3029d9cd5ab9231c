// `caisson update …` as a person sees it: results, notes, exit codes.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fileKeys } from '../outside/signer/keys.ts';
import { type RecordingOptions, recordingTerminal } from '../terminal/recording-terminal.ts';
import { updateCommands } from './commands.ts';

const testdata = (name: string) => fileURLToPath(new URL(`../../testdata/update/${name}`, import.meta.url));
const certificate = testdata('keys/rsa.cert.pem');
const signing = ['--key', testdata('keys/rsa.key.pem'), '--cert', certificate];

const root = mkdtempSync(join(tmpdir(), 'caisson-update-'));
after(() => rmSync(root, { recursive: true }));
let directory: string;
let output: string;
let count = 0;
beforeEach(() => {
	count++;
	directory = join(root, String(count));
	output = join(directory, 'x.swu');
	mkdirSync(directory);
	writeFileSync(join(directory, 'app'), 'The application.\n');
	writeFileSync(
		join(directory, 'spec.yaml'),
		'version: 1.10\nhardware-compatibility: ["1.0"]\nfiles:\n  - { source: app, path: /opt/app }\nbootenv: { bootpart: 2 }\n',
	);
});

async function run(words: readonly string[], options: RecordingOptions = {}) {
	const terminal = recordingTerminal(options);
	const command = updateCommands(terminal, fileKeys);
	for (const each of [command, ...command.commands]) each.exitOverride();
	await command.parseAsync([...words], { from: 'user' });
	return terminal;
}
const packed = (more: readonly string[] = [], options: RecordingOptions = {}) =>
	run(['pack', join(directory, 'spec.yaml'), '-o', output, ...signing, ...more], options);

describe('caisson update', () => {
	it('packs, and prints every member and the digest of the whole', async () => {
		const { stdoutText, stderrText, exitCode } = await packed();
		assert.match(stdoutText, /^Member +Bytes +SHA-256\nsw-description /);
		assert.match(stdoutText, /Version 1\.10, signed by O=Caisson tests, CN=RSA signer \(RSA 2048\)\./);
		assert.match(stdoutText, /x\.swu: \d+ bytes, SHA-256 [0-9a-f]{64}\n$/);
		assert.match(stderrText, /caisson update verify/);
		assert.equal(exitCode, 0);
	});

	it('packs with JSON for a program', async () => {
		const result = JSON.parse((await packed(['--format', 'json'])).stdoutText);
		assert.deepEqual(Object.keys(result), [
			'output',
			'size',
			'sha256',
			'version',
			'members',
			'signature',
			'signers',
			'description',
		]);
		assert.equal(result.size, readFileSync(output).length);
	});

	it('shows progress on a terminal, and takes it away', async () => {
		const { stderrText } = await packed([], { onTerminal: true });
		assert.match(stderrText, /Reading app: 17 B/);
		assert.match(stderrText, /Writing app: 17 B of 17 B, 100 %/);
	});

	it('leaves nothing when it is interrupted', async () => {
		await assert.rejects(packed([], { interrupted: AbortSignal.abort() }));
		assert.deepEqual(readdirSync(directory).sort(), ['app', 'spec.yaml']);
	});

	it('names the line of a mistake in the specification', async () => {
		writeFileSync(join(directory, 'spec.yaml'), 'version: "1"\nhardware-compatibility: any\nfile: []\n');
		await assert.rejects(packed(), { code: 'update-specification-invalid', message: /: Line 3: file: .*"files"/ });
	});

	it('inspects: members, settings, artifacts, bootloader variables, signer', async () => {
		await packed();
		const { stdoutText } = await run(['inspect', output]);
		assert.match(stdoutText, /^sw-description\.sig +\d+ +\d+ +[0-9a-f]{64} +right$/m);
		assert.match(stdoutText, /^version: +1\.10$/m);
		assert.match(stdoutText, /^bootloader_transaction_marker: +true$/m);
		assert.match(stdoutText, /^files\[0\] +app +rawfile +\/opt\/app +-$/m);
		assert.match(stdoutText, /^bootenv: bootpart=2$/m);
		assert.match(stdoutText, /^Signed by O=Caisson tests, CN=RSA signer \(RSA 2048\), until /m);
	});

	it('inspects with JSON for a program', async () => {
		await packed();
		const result = JSON.parse((await run(['inspect', output, '--format', 'json'])).stdoutText);
		assert.equal(result.description.version, '1.10');
		assert.equal(result.signers[0].subject, 'O=Caisson tests, CN=RSA signer');
		assert.equal(result.members.length, 3);
	});

	it('verifies what it packed: exit code 0', async () => {
		await packed();
		const { stdoutText, exitCode } = await run(['verify', output, '--cert', certificate]);
		assert.match(
			stdoutText,
			/^Good {2}signed by O=Caisson tests, CN=RSA signer \(RSA 2048\)\nGood {2}1 artifact of version 1\.10, /,
		);
		assert.equal(exitCode, 0);
	});

	it('says what is wrong with a changed one: exit code 1', async () => {
		await packed(['--cpio', 'newc']);
		const bytes = readFileSync(output);
		bytes.write('t', bytes.indexOf('The application.'));
		writeFileSync(output, bytes);
		const text = await run(['verify', output, '--cert', certificate]);
		assert.match(text.stdoutText, /^Wrong {2}files\[0\]: "app" has SHA-256 .*\n.*x\.swu must not be installed\.\n$/);
		assert.equal(text.exitCode, 1);
		const json = await run(['verify', output, '--cert', certificate, '--format', 'json']);
		assert.equal(JSON.parse(json.stdoutText).ok, false);
		assert.equal(json.exitCode, 1);
	});

	it('makes a key for trials that packs and verifies', async () => {
		const made = await run(['create-test-key', join(directory, 'trial')]);
		const [key, cert] = made.stdoutText.trim().split('\n') as [string, string];
		assert.match(made.stderrText, /For trials only/);
		await run(['pack', join(directory, 'spec.yaml'), '-o', output, '--key', key, '--cert', cert]);
		assert.equal((await run(['verify', output, '--cert', cert])).exitCode, 0);
	});

	it('has help with an example for every command', () => {
		for (const command of updateCommands(recordingTerminal(), fileKeys).commands) {
			let help = '';
			command.configureOutput({ writeOut: (text) => (help += text) });
			command.outputHelp();
			assert.match(help, /Examples?:\n.*\n +\$ caisson update /, command.name());
			// A single word cannot be broken: an address, for example.
			const long = help.split('\n').filter((line) => line.length > 80 && /\S\s+\S/.test(line));
			assert.deepEqual(long, [], command.name());
		}
	});
});
