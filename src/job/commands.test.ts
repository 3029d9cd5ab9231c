// The job commands on a recording terminal, for what the case files (testdata/cli) cannot show: a person who answers,
// a server whose jobs change, other times.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiAnswer, ApiClient, ApiRequest } from '../terminal/api-client.ts';
import { type RecordingOptions, recordingTerminal } from '../terminal/recording-terminal.ts';
import { parseClientIds } from './commands/create.ts';
import { everyJob } from './commands/read.ts';
import { eventLine, operatorMoves } from './commands/show.ts';
import { jobCommands } from './commands.ts';
import type { JobWire } from './rules/wire.ts';

const now = Date.parse('2026-11-23T12:00:00Z');

function job(id: string, changed: string, created = changed): JobWire {
	return { id, clientId: `device-${id}`, status: { state: 'ACTIVATED' }, stime: created, mtime: changed, tags: [] };
}

function notHere(): never {
	throw new Error('not in this test');
}

/** A server with these jobs, which answers pages and deletions. */
function serverWith(
	jobs: JobWire[],
	onPage: (offset: number) => void = () => undefined,
): ApiClient & { deleted: string[] } {
	const deleted: string[] = [];
	const answer = (body: unknown): ApiAnswer => ({ status: 200, headers: {}, body });
	return {
		address: 'http://test',
		deleted,
		async request(method, path, request: ApiRequest = {}) {
			if (method === 'DELETE') {
				deleted.push(path.split('/').at(-1) ?? '');
				return answer(undefined);
			}
			const offset = Number(request.query?.offset ?? 0);
			onPage(offset);
			return answer({ content: jobs.slice(offset, offset + Number(request.query?.limit)) });
		},
		events: notHere,
		download: notHere,
	};
}

async function run(words: string[], options: RecordingOptions) {
	const terminal = recordingTerminal(options);
	await jobCommands(terminal, () => now).parseAsync(words, { from: 'user' });
	return terminal;
}

const jobs = [
	job('old', '2026-01-01T00:00:00Z'),
	job('busy', '2026-11-22T00:00:00Z', '2026-01-02T00:00:00Z'),
	job('new', '2026-11-23T00:00:00Z'),
];

test('older-than goes by the last change, not by the creation', async () => {
	const api = serverWith(jobs);
	await run(['delete', '--state', 'ACTIVATED', '--older-than', '90d', '--yes'], { api });
	assert.deepEqual(api.deleted, ['old']);
});

test('a person who says yes deletes what was shown', async () => {
	const api = serverWith(jobs);
	const terminal = await run(['delete', '--state', 'ACTIVATED'], { api, onTerminal: true, typed: ['yes'] });
	assert.deepEqual(api.deleted, ['old', 'busy', 'new']);
	assert.match(terminal.stderrText, /Delete these 3 jobs with their history\? \[yes\/no\] /);
});

for (const typed of ['no', '', 'yes please']) {
	test(`a person who says ${JSON.stringify(typed)} deletes nothing, and the exit code is 1`, async () => {
		const api = serverWith(jobs);
		const terminal = await run(['delete', '--state', 'ACTIVATED'], { api, onTerminal: true, typed: [typed] });
		assert.deepEqual([api.deleted, terminal.exitCode], [[], 1]);
		assert.match(terminal.stderrText, /Nothing is deleted/);
	});
}

test('a job that moves to the next page meanwhile is read once', async () => {
	const many = Array.from({ length: 600 }, (_, index) => job(String(index), '2026-01-01T00:00:00Z'));
	const api = serverWith(many, (offset) => {
		if (offset > 0) many.unshift(job('created-meanwhile', '2026-01-01T00:00:00Z'));
	});
	const ids: string[] = [];
	for await (const { id } of everyJob(api, {}, { sort: 'desc' })) ids.push(id);
	assert.deepEqual(
		ids,
		Array.from({ length: 600 }, (_, index) => String(index)),
	);
});

test('what a device writes cannot forge lines or move the cursor', async () => {
	const evil = { ...job('1', '2026-01-01T00:00:00Z'), clientId: 'a\nforged\u001b[2J' };
	const terminal = await run(['query', '--all'], { api: serverWith([evil]), onTerminal: true });
	assert.ok(terminal.stdoutText.includes('a\\nforged\\u001b[2J'));
	const line = eventLine({ action: 'UPDATE_STATUS', job: { status: { state: 'A', message: 'x\ny' } } });
	assert.ok(!line.includes('\n'));
});

test('an operator is told the moves that are the operator’s, and no others', () => {
	const edge = (to: string, more: object = {}) => ({ from: 'A', to, eligible: 'WFX' as const, ...more });
	const transitions = [
		edge('B'),
		edge('B', { description: 'again' }),
		edge('A'),
		edge('C', { eligible: 'CLIENT' }),
		edge('D', { action: 'IMMEDIATE' }),
		edge('E', { from: 'B' }),
	];
	const workflow = { name: 'w', states: [{ name: 'A' }, { name: 'B' }], transitions };
	assert.deepEqual(operatorMoves({ id: '1', workflow, status: { state: 'A' } }), ['B']);
});

test('a list of devices may hold comments and blank lines, not the same device twice', () => {
	assert.deepEqual(parseClientIds('a\r\n\n# b\n c \n', 'f'), ['a', 'c']);
	assert.throws(() => parseClientIds('a\nb\na\n', 'f'), /f, line 3: a stands in line 1 already/);
	assert.throws(() => parseClientIds('# none\n', 'f'), /f names no device/);
});

test('--if-match on a server without versions is said to be unchecked', async () => {
	const terminal = await run(['delete', 'x', '--if-match', '3'], { api: serverWith([]) });
	assert.match(terminal.stderrText, /was not checked/);
});
