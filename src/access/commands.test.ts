import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { CaissonError } from '../errors.ts';
import { httpClient } from '../terminal/http-client.ts';
import { recordingTerminal } from '../terminal/recording-terminal.ts';
import { parseAddress } from '../terminal/server-address.ts';
import { accessCommands } from './commands.ts';

let server: RunningApplication;
before(async () => {
	server = await startApplication();
});
after(() => server.stop());

/** Runs `caisson access WORDS`. */
async function run(...words: string[]) {
	const api = httpClient({ address: parseAddress(server.north, 'test') }, new AbortController().signal);
	const terminal = recordingTerminal({ api });
	await accessCommands(terminal).exitOverride().parseAsync(words, { from: 'user' });
	return terminal;
}

test('the secret of a new token stands alone on stdout; the note says what it is', async () => {
	const terminal = await run('token', 'create', '--name', 'ci', '--role', 'viewer', 'operator', '--expires', '90d');
	assert.match(terminal.stdoutText, /^caisson-api-[\w-]{43}\n$/);
	assert.match(terminal.stderrText, /Token [\da-f-]{36}\..*this once.*It expires 20/s);
	const { tokens } = server.storage;
	const [stored] = await tokens.list({ kinds: ['operator'] }, 0, 10);
	assert.deepEqual([stored?.name, stored?.roles], ['ci', ['viewer', 'operator']]);
	assert.equal((stored?.expires ?? 0) - (stored?.created ?? 0), 90 * 86_400_000);
});

test('a device token is listed by its device, and no longer once it is revoked', async () => {
	await run('device-token', 'create', 'pump-7');
	await run('device-token', 'create', 'pump-8', '--name', 'spare');
	const list = async (...more: string[]) => (await run('device-token', 'list', ...more)).stdoutText;
	assert.match(await list(), /CLIENT .*\n.*pump-7 .* never +always\n.*spare +pump-8 /);
	const listed = JSON.parse(await list('--client-id', 'pump-7', '--format', 'json'));
	assert.deepEqual(
		listed.map(({ clientId }: { clientId: string }) => clientId),
		['pump-7'],
	);
	const revoked = await run('device-token', 'revoke', listed[0].id);
	assert.equal(revoked.stdoutText, `${listed[0].id}\n`);
	assert.doesNotMatch(await list(), /pump-7/);
	assert.match(await list('--all'), /pump-7 .* revoked 20/);
});

test('an unknown token cannot be revoked', async () => {
	await assert.rejects(
		run('token', 'revoke', 'absent'),
		(error) => error instanceof CaissonError && error.code === 'token-not-found',
	);
});
