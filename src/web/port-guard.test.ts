import assert from 'node:assert/strict';
import { test } from 'node:test';
import Fastify from 'fastify';
import { CaissonError, meaningOf } from '../errors.ts';
import { type AccessDenial, type DeniedRequest, wrongToken } from './authentication.ts';
import { actorOf, type Identity, identityOf } from './identity.ts';
import { type DecisionQuestion, guardPort, type PortGuard } from './port-guard.ts';
import { TrustedProxies } from './trusted-proxy.ts';

const device: Identity = { kind: 'device', clientId: 'a', how: 'token' };

/** An application behind a guard that knows the tokens in `tokens`; GET /here answers who asks. */
async function guarded(more: Partial<PortGuard> = {}) {
	const denials: (AccessDenial & DeniedRequest)[] = [];
	const tokens = new Map<string, Identity>([['good', device]]);
	const app = Fastify();
	app.setErrorHandler((error, _request, reply) => reply.status(meaningOf(error).http).send((error as Error).message));
	guardPort(app, {
		port: 'southbound',
		access: {
			identify: ({ request }) => {
				const token = request.headers.authorization?.slice('Bearer '.length);
				return token === undefined ? { kind: 'anonymous' } : (tokens.get(token) ?? wrongToken);
			},
			permits: (identity, operation) =>
				operation === 'GET /open' || (identity.kind === 'device' && operation !== 'POST /here'),
		},
		proxies: new TrustedProxies([]),
		certificateOf: () => undefined,
		denied: (denial, request) => denials.push({ ...denial, ...request }),
		...more,
	});
	for (const url of ['/here', '/open']) app.get(url, async (request) => actorOf(identityOf(request.raw)));
	app.post('/here', async () => 'written');
	app.get('/stream', (_request, reply) => {
		reply.hijack();
		reply.raw.writeHead(200).write('begun');
	});
	await app.listen({ port: 0, host: '127.0.0.1' });
	const base = `http://127.0.0.1:${(app.server.address() as { port: number }).port}`;
	const send = async (path: string, token?: string, method = 'GET') => {
		const answer = await fetch(base + path, { method, headers: token ? { authorization: `Bearer ${token}` } : {} });
		return { status: answer.status, text: await answer.text(), scheme: answer.headers.get('www-authenticate') };
	};
	return { app, base, denials, tokens, send };
}

test('who asks is known to the handler; without and with a wrong credential nobody gets there', async () => {
	const { app, send, denials } = await guarded();
	assert.deepEqual(await send('/here', 'good'), { status: 200, text: 'device:a', scheme: null });
	const [none, wrong] = [await send('/here'), await send('/here', 'wrong')];
	assert.deepEqual([none.status, none.scheme], [401, 'Bearer realm="caisson"']);
	assert.deepEqual([wrong.status, wrong.scheme], [401, 'Bearer realm="caisson", error="invalid_token"']);
	assert.equal((await send('/here?token=good', 'good')).status, 400);
	assert.deepEqual(
		denials.map(({ reason, path, method, by }) => [reason, method, path, by]),
		[
			['no-token', 'GET', '/here', 'anonymous'],
			['wrong-token', 'GET', '/here', 'anonymous'],
			['token-in-url', 'GET', '/here', 'anonymous'],
		],
	);
	await app.close();
});

test('an operation that is not permitted is forbidden by its name; what does not exist is told to those who are known', async () => {
	const { app, send, denials } = await guarded();
	assert.deepEqual(await send('/here', 'good', 'POST'), {
		...{ status: 403, text: 'device:a may not call POST /here', scheme: null },
	});
	assert.deepEqual([(await send('/absent')).status, (await send('/absent', 'good')).status], [401, 404]);
	assert.equal((await send('/open')).text, 'anonymous');
	assert.equal(denials[0]?.by, 'device:a');
	await app.close();
});

test('HEAD is permitted where GET is', async () => {
	const { app, send } = await guarded();
	assert.deepEqual(
		[(await send('/here', 'good', 'HEAD')).status, (await send('/here', undefined, 'HEAD')).status],
		[200, 401],
	);
	await app.close();
});

test('the hook is asked last, about whoever passed, and fails closed', async () => {
	const questions: DecisionQuestion[] = [];
	let answer: () => Promise<{ allow: boolean; clientId?: string }> = async () => ({ allow: true });
	const decide = (question: DecisionQuestion) => {
		questions.push(question);
		return answer();
	};
	const { app, send } = await guarded({ decide });
	assert.equal((await send('/here', 'wrong')).status, 401);
	assert.equal((await send('/here', 'good', 'POST')).status, 403);
	assert.equal(questions.length, 0);
	assert.equal((await send('/here', 'good')).text, 'device:a');
	assert.deepEqual(questions[0]?.identity, device);
	assert.ok(!('authorization' in (questions[0]?.headers ?? {})));
	answer = async () => ({ allow: true, clientId: 'b' });
	assert.equal((await send('/here', 'good')).text, 'device:b');
	answer = async () => ({ allow: false });
	assert.equal((await send('/here', 'good')).status, 403);
	answer = async () => {
		throw new CaissonError('decision-unavailable', 'gone');
	};
	assert.equal((await send('/here', 'good')).status, 503);
	await app.close();
});

test('a request that lasts is cut once its credential is not valid any more, and only then', async () => {
	const { app, base, tokens, denials } = await guarded({ recheckInterval: 20 });
	tokens.set('other', { ...device, clientId: 'b' });
	const open = async (token: string) => {
		const answer = await fetch(`${base}/stream`, { headers: { authorization: `Bearer ${token}` } });
		const reader = answer.body?.getReader();
		assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), 'begun');
		const end = reader?.read().then(
			() => 'ended',
			() => 'cut',
		);
		return { end };
	};
	const [first, second] = [await open('good'), await open('other')];
	tokens.delete('good');
	assert.equal(await first.end, 'cut');
	assert.deepEqual(
		denials.map(({ reason, by, path }) => [reason, by, path]),
		[['wrong-token', 'device:a', '/stream']],
	);
	assert.equal(await Promise.race([second.end, new Promise((resolve) => setTimeout(resolve, 100, 'open'))]), 'open');
	app.server.closeAllConnections();
	await app.close();
});
