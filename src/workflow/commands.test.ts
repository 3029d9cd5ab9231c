// `caisson workflow`: what a person sees, without a server and against the real one on a temporary database.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { CaissonError } from '../errors.ts';
import type { ApiClient } from '../terminal/api-client.ts';
import { httpClient } from '../terminal/http-client.ts';
import { type RecordingOptions, type RecordingTerminal, recordingTerminal } from '../terminal/recording-terminal.ts';
import { builtinWorkflow } from './builtin.ts';
import { workflowCommands } from './commands.ts';
import { parseWorkflow } from './rules/parse.ts';

const data = fileURLToPath(new URL('../../testdata/workflow/', import.meta.url));
let server: RunningApplication;
let api: ApiClient;
let folder: string;

before(async () => {
	server = await startApplication();
	api = httpClient(
		{ address: { url: new URL(server.north), text: server.north, local: true } },
		new AbortController().signal,
	);
	folder = mkdtempSync(join(tmpdir(), 'caisson-workflow-'));
});

after(async () => {
	await server.stop();
	rmSync(folder, { recursive: true });
});

async function run(words: string[], options: RecordingOptions = {}): Promise<RecordingTerminal> {
	const terminal = recordingTerminal(options);
	await workflowCommands(terminal).parseAsync(words, { from: 'user' });
	return terminal;
}

function refusal(code: string, message: RegExp): (error: unknown) => boolean {
	return (error) => error instanceof CaissonError && error.code === code && message.test(error.message);
}

test('validate names the workflow of a good file and exits 0', async () => {
	const file = `${data}good/states-out-of-order.yaml`;
	const terminal = await run(['validate', file]);
	assert.equal(terminal.stdoutText, `${file}: valid (states-out-of-order, 3 states, 2 transitions)\n`);
	assert.equal(terminal.exitCode, 0);
});

test('validate prints file, rule and message of each bad file, goes on, and exits 1', async () => {
	const [cycle, schema, good] = [`${data}bad/cycle.yaml`, `${data}bad/name-empty.yaml`, `${data}good/minimal.yaml`];
	const terminal = await run(['validate', cycle, schema, good]);
	assert.deepEqual(
		terminal.stdoutText.split('\n').filter((line) => !line.includes('warning')),
		[
			`${cycle}: acyclic: workflow contains cycle from A to B`,
			`${schema}: schema: line 2: name must not be empty`,
			`${good}: valid (minimal, 1 states, 0 transitions)`,
			'',
		],
	);
	assert.equal(terminal.exitCode, 1);
});

test('validate reads stdin and prints warnings, which do not change the exit code', async () => {
	const stdin = 'name: x\nstates: [{ name: A, colour: red }]\ntransitions: []\n';
	const terminal = await run(['validate', '-'], { stdin });
	assert.match(terminal.stdoutText, /^stdin: warning: line 2: states\[0\]\.colour is unknown and ignored$/m);
	assert.match(terminal.stdoutText, /^stdin: warning: there are no groups/m);
	assert.equal(terminal.exitCode, 0);
});

test('validate --format json gives one result a file', async () => {
	const file = `${data}bad/two-initial.yaml`;
	const terminal = await run(['validate', '--format', 'json', file]);
	const [result] = JSON.parse(terminal.stdoutText);
	assert.deepEqual(
		{ ...result, warnings: undefined },
		{
			file,
			valid: false,
			name: 'x',
			states: 3,
			transitions: 1,
			rule: 'initial-unique',
			message: 'workflow must have exactly one INITIAL state',
			detail: 'no other state leads to A, C',
			warnings: undefined,
		},
	);
	assert.equal(terminal.exitCode, 1);
});

test('validate of a file that is not there is trouble, not a finding', async () => {
	await assert.rejects(run(['validate', join(folder, 'none.yaml')]), refusal('file-unusable', /none\.yaml/));
});

test('validate shows control characters in names instead of obeying them', async () => {
	const stdin = 'name: x\nstates: [{name: "\\e[31mA"}, {name: "\\e[31mA"}]\ntransitions: []\n';
	const terminal = await run(['validate', '-'], { stdin });
	assert.match(terminal.stdoutText, /^stdin: state-unique: \\u001b\[31mA state has already been created$/m);
});

for (const [format, begin] of Object.entries({
	mermaid: '---\ntitle: "minimal"',
	dot: 'digraph "minimal"',
	plantuml: '@startuml\ntitle minimal',
	svg: '<svg xmlns="http://www.w3.org/2000/svg"',
	yaml: 'name: minimal\n',
	json: '{\n  "name": "minimal"',
})) {
	test(`show --format ${format} draws a file without a server`, async () => {
		const terminal = await run(['show', `${data}good/minimal.yaml`, '--format', format]);
		assert.ok(terminal.stdoutText.startsWith(begin), terminal.stdoutText);
	});
}

test('show takes a file first, then a built-in workflow, then the server', async () => {
	const file = join(folder, 'wfx.workflow.kanban');
	writeFileSync(file, 'name: mine\nstates: [{ name: A }]\ntransitions: []\n');
	assert.match((await run(['show', file])).stdoutText, /title: "mine"/);
	assert.match((await run(['show', 'wfx.workflow.kanban'])).stdoutText, /title: "wfx.workflow.kanban"/);
	await assert.rejects(run(['show', 'of-the-server']), refusal('server-unreachable', /./));
});

test('show draws a workflow that is not valid, and says so', async () => {
	const terminal = await run(['show', `${data}bad/cycle.yaml`]);
	assert.match(terminal.stdoutText, /s1 --> s0 : CLIENT/);
	assert.match(terminal.stderrText, /not valid: workflow contains cycle from A to B \(acyclic\)/);
});

test('show refuses a path that is not there as a file, without asking a server', async () => {
	await assert.rejects(run(['show', 'nowhere/x.yaml']), refusal('file-unusable', /nowhere\/x\.yaml/));
});

test('a workflow is created, listed, read back as it was, and deleted', async () => {
	const file = join(folder, 'own.json');
	writeFileSync(file, JSON.stringify({ name: 'own', states: [{ name: 'A' }], transitions: [] }));
	const created = await run(['create', 'wfx.workflow.kanban', file], { api });
	assert.equal(created.stdoutText, 'wfx.workflow.kanban\nown\n');

	const listed = await run(['query'], { api });
	assert.match(listed.stdoutText, /^NAME +STATES +TRANSITIONS +DESCRIPTION\nown +1 +0\nwfx\.workflow\.kanban +6 +9\n$/);

	for (const format of ['yaml', 'json'] as const) {
		const read = await run(['get', 'wfx.workflow.kanban', '--format', format], { api });
		assert.deepEqual(parseWorkflow(read.stdoutText, format), builtinWorkflow('wfx.workflow.kanban'));
	}
	assert.match((await run(['show', 'own'], { api })).stdoutText, /state "A" as s0/);

	const deleted = await run(['delete', 'own', 'wfx.workflow.kanban', '--format', 'json'], { api });
	assert.deepEqual(JSON.parse(deleted.stdoutText), { deleted: ['own', 'wfx.workflow.kanban'] });
	assert.match((await run(['query'], { api })).stderrText, /There are none yet/);
});

test('query has pages and an order', async () => {
	await run(['create', 'wfx.workflow.kanban', 'wfx.workflow.dau.direct', 'wfx.workflow.dau.phased'], { api });
	const first = await run(['query', '--limit', '1', '--sort', 'desc', '--format', 'json'], { api });
	const { content, pagination } = JSON.parse(first.stdoutText);
	assert.deepEqual(
		content.map(({ name }: { name: string }) => name),
		['wfx.workflow.kanban'],
	);
	assert.deepEqual(pagination, { limit: 1, offset: 0, total: 3 });
	const second = await run(['query', '--limit', '1', '--offset', '1'], { api });
	assert.match(second.stdoutText, /\nwfx\.workflow\.dau\.phased /);
	assert.match(second.stderrText, /2 of 3: the next page is --offset 2\./);
});

test('create checks all before it creates the first', async () => {
	const good = join(folder, 'good.yaml');
	writeFileSync(good, 'name: good\nstates: [{ name: A }]\ntransitions: []\n');
	const bad = `${data}bad/two-initial.yaml`;
	const message = /two-initial\.yaml: workflow must have exactly one INITIAL state \(no other state leads to A, C\)/;
	await assert.rejects(run(['create', good, bad], { api }), refusal('workflow-invalid', message));
	await assert.rejects(run(['get', 'good'], { api }), refusal('workflow-not-found', /./));
});

test('create of a name that exists is refused', async () => {
	const file = join(folder, 'twice.yaml');
	writeFileSync(file, 'name: twice\nstates: [{ name: A }]\ntransitions: []\n');
	await run(['create', file], { api });
	await assert.rejects(run(['create', file], { api }), refusal('workflow-exists', /./));
});

test('create of what is neither file nor built-in says so', async () => {
	await assert.rejects(run(['create', 'wfx.workflow.dau'], { api }), refusal('file-unusable', /neither a file nor/));
});

test('delete goes on after a name that does not exist, then refuses with it', async () => {
	const file = join(folder, 'last.yaml');
	writeFileSync(file, 'name: last\nstates: [{ name: A }]\ntransitions: []\n');
	await run(['create', file], { api });
	await assert.rejects(run(['delete', 'never', 'last'], { api }), refusal('workflow-not-found', /^never: /));
	await assert.rejects(run(['get', 'last'], { api }), refusal('workflow-not-found', /./));
});

test('an answer that is no workflow is trouble with the server', async () => {
	const strange: ApiClient = {
		...api,
		address: 'http://strange',
		request: async () => ({ status: 200, headers: {}, body: 'hello' }),
	};
	await assert.rejects(run(['get', 'x'], { api: strange }), refusal('server-unreachable', /http:\/\/strange/));
	await assert.rejects(run(['query'], { api: strange }), refusal('server-unreachable', /a page of workflows/));
});

test('the help of every verb fits 80 columns and ends with an example', () => {
	for (const command of workflowCommands(recordingTerminal()).commands) {
		let help = '';
		command.configureOutput({
			writeOut: (text) => {
				help += text;
			},
			getOutHelpWidth: () => 80,
		});
		command.outputHelp();
		for (const line of help.split('\n')) assert.ok(line.length <= 80, line);
		assert.match(help, /Examples?:\n[\s\S]*\$ caisson workflow /);
	}
});
