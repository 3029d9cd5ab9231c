// The command as a process: signals, pipes that close, and the streams of a real shell.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { builtinWorkflow } from '../../src/workflow/builtin.ts';
import { startApplication } from '../../testing/application/application.ts';

const caisson = fileURLToPath(new URL('../../bin/caisson', import.meta.url));

test('a reader that closes the pipe ends the command without a word', () => {
	const script = `"$0" errors | head -n 1; echo "\${PIPESTATUS[0]}"`;
	const { stdout, stderr } = spawnSync('bash', ['-c', script, caisson], { encoding: 'utf8' });
	const [first, status] = stdout.split('\n');
	assert.match(first ?? '', /^CODE/);
	assert.match(status ?? '', /^(0|141)$/, 'all was written before head closed the pipe, or it was cut off');
	assert.equal(stderr, '');
});

test('Ctrl-C ends the watching of events with 130', async (t) => {
	const running = await startApplication();
	t.after(() => running.stop());
	const child = spawn(caisson, ['job', 'events', '--server', running.north]);
	t.after(() => child.kill('SIGKILL'));
	await once(child.stderr, 'data'); // "Connected to …"
	child.kill('SIGINT');
	assert.deepEqual(await once(child, 'exit'), [130, null]);
});

test('an event is shown while the command is running', async (t) => {
	const running = await startApplication();
	t.after(() => running.stop());
	const child = spawn(caisson, ['job', 'events', '--server', running.north, '--count', '1', '--format', 'json']);
	t.after(() => child.kill('SIGKILL'));
	await once(child.stderr, 'data');
	const post = (path: string, body: unknown) =>
		fetch(`${running.north}/api/wfx/v1/${path}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify(body),
		});
	await post('workflows', builtinWorkflow('wfx.workflow.dau.direct'));
	await post('jobs', { clientId: 'pump-7', workflow: 'wfx.workflow.dau.direct' });
	const [[line], [status]] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')]);
	const event = JSON.parse(String(line));
	assert.deepEqual([event.action, event.job.clientId, typeof event.id, status], ['CREATE', 'pump-7', 'string', 0]);
});
