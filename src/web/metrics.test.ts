import assert from 'node:assert/strict';
import { test } from 'node:test';
import Fastify from 'fastify';
import { createMetrics } from './metrics.ts';

async function measured() {
	const metrics = createMetrics();
	const app = Fastify();
	metrics.observe(app, 'northbound');
	metrics.serve(app);
	app.get('/jobs/:id', async () => 'job');
	app.get('/broken', async () => {
		throw new Error('broken');
	});
	const line = async (start: string) => {
		const { body } = await app.inject('/metrics');
		return body.split('\n').filter((candidate) => candidate.startsWith(start));
	};
	return { metrics, app, line };
}

test('requests are counted by the pattern of their route, not by their path', async () => {
	const { app, line } = await measured();
	await app.inject('/jobs/1');
	await app.inject('/jobs/2');
	await app.inject('/broken');
	await app.inject('/jobs/1/absent');
	assert.deepEqual(await line('caisson_http_requests_total'), [
		'caisson_http_requests_total{port="northbound",method="GET",route="/jobs/:id",status="2xx"} 2',
		'caisson_http_requests_total{port="northbound",method="GET",route="/broken",status="5xx"} 1',
		'caisson_http_requests_total{port="northbound",method="GET",route="none",status="4xx"} 1',
	]);
	assert.deepEqual(
		await line('caisson_http_request_duration_seconds_count{port="northbound",method="GET",route="/jobs'),
		['caisson_http_request_duration_seconds_count{port="northbound",method="GET",route="/jobs/:id",status="2xx"} 2'],
	);
});

test('a stream that writes by itself is counted when it ends and has no duration', async () => {
	const { app, line } = await measured();
	app.get('/events', (_request, reply) => {
		reply.hijack();
		reply.raw.writeHead(200);
		reply.raw.end('data: x\n\n');
	});
	await app.inject('/events');
	assert.deepEqual(await line('caisson_http_requests_total{port="northbound",method="GET",route="/events"'), [
		'caisson_http_requests_total{port="northbound",method="GET",route="/events",status="2xx"} 1',
	]);
	assert.deepEqual(
		await line('caisson_http_request_duration_seconds_count{port="northbound",method="GET",route="/events"'),
		[],
	);
});

test('subscribers are a gauge, denials a counter by reason, and the process is measured', async () => {
	const { metrics, line } = await measured();
	metrics.subscribers(1);
	metrics.subscribers(1);
	metrics.subscribers(-1);
	metrics.denied('no-token');
	assert.deepEqual(await line('caisson_event_subscribers'), ['caisson_event_subscribers 1']);
	assert.deepEqual(await line('caisson_access_denied_total'), ['caisson_access_denied_total{reason="no-token"} 1']);
	assert.equal((await line('process_resident_memory_bytes')).length, 1);
});

test('two servers in one process do not mix', async () => {
	const [first, second] = [await measured(), await measured()];
	first.metrics.subscribers(1);
	assert.deepEqual(await second.line('caisson_event_subscribers'), ['caisson_event_subscribers 0']);
});
