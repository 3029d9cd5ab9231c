// Measurements of one server for Prometheus: requests, event streams, the process. It knows no noun. There is no
// global registry, so that two servers in one process (tests) do not mix.

import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
	readonly registry: Registry;
	/** Measures every request of this instance under the name of its port. */
	observe(app: FastifyInstance, port: string): void;
	/** Serves GET /metrics in Prometheus' text format. */
	serve(app: FastifyInstance): void;
	/** An event stream began (1) or ended (-1). */
	subscribers(change: 1 | -1): void;
	/** Content of artifacts that went out on a port. */
	artifactSent(port: string, bytes: number, ranges: number): void;
	/** A denied request, by reason. */
	denied(reason: string): void;
	/** When each role of trust expires, in milliseconds since the epoch; the list replaces the one before. */
	trustExpiries(expiries: readonly { readonly name: string; readonly expires: number }[]): void;
}

export function createMetrics(): Metrics {
	const registry = new Registry();
	collectDefaultMetrics({ register: registry });
	const labelNames = ['port', 'method', 'route', 'status'] as const;
	const requests = new Tally();
	new Counter({
		name: 'caisson_http_requests_total',
		help: 'Requests answered, event streams included when they end.',
		labelNames,
		registers: [registry],
		collect() {
			requests.empty((key, count) => this.inc(labelsOf(key), count));
		},
	});
	const duration = new Histogram({
		name: 'caisson_http_request_duration_seconds',
		help: 'Time from the request line to the first byte of the answer; event streams and long downloads are left out.',
		labelNames,
		buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
		registers: [registry],
	});
	const streams = new Gauge({
		name: 'caisson_event_subscribers',
		help: 'Event streams that are open.',
		registers: [registry],
	});
	const denials = new Counter({
		name: 'caisson_access_denied_total',
		help: 'Requests denied, by reason.',
		labelNames: ['reason'],
		registers: [registry],
	});
	const artifactBytes = new Tally();
	new Counter({
		name: 'caisson_artifact_sent_bytes_total',
		help: 'Bytes of artifacts that went out, told when an answer ends.',
		labelNames: ['port'],
		registers: [registry],
		collect() {
			artifactBytes.empty((port, bytes) => this.inc({ port }, bytes));
		},
	});
	const artifactRanges = new Tally();
	new Counter({
		name: 'caisson_artifact_ranges_total',
		help: 'Ranges of artifacts that went out; a whole artifact is one.',
		labelNames: ['port'],
		registers: [registry],
		collect() {
			artifactRanges.empty((port, ranges) => this.inc({ port }, ranges));
		},
	});
	let expiries: readonly { readonly name: string; readonly expires: number }[] = [];
	new Gauge({
		name: 'caisson_trust_expiry_seconds',
		help: 'Seconds until a role of the repository of trust expires; of its bins the earliest. Negative: it has.',
		labelNames: ['role'],
		registers: [registry],
		collect() {
			this.reset();
			for (const { name, expires } of expiries) this.set({ role: name }, Math.round((expires - Date.now()) / 1000));
		},
	});
	return {
		registry,
		observe(app, port) {
			app.addHook('onSend', (request, reply, payload, done) => {
				duration.observe(labels(port, request, reply.statusCode), reply.elapsedTime / 1000);
				done(null, payload);
			});
			app.addHook('onResponse', (request, reply, done) => {
				requests.add(keyOf(labels(port, request, reply.raw.statusCode)), 1);
				done();
			});
		},
		serve(app) {
			app.get('/metrics', async (_request, reply) => {
				return reply.header('Content-Type', registry.contentType).send(await registry.metrics());
			});
		},
		subscribers: (change) => streams.inc(change),
		denied: (reason) => denials.inc({ reason }),
		trustExpiries: (now) => {
			expiries = now;
		},
		artifactSent(port, bytes, ranges) {
			artifactBytes.add(port, bytes);
			artifactRanges.add(port, ranges);
		},
	};
}

/** What is counted for every answer is added up here, and given to its counter when somebody reads that. */
class Tally {
	readonly #sums = new Map<string, number>();

	add(key: string, count: number): void {
		this.#sums.set(key, (this.#sums.get(key) ?? 0) + count);
	}

	empty(take: (key: string, sum: number) => void): void {
		for (const [key, sum] of this.#sums) take(key, sum);
		this.#sums.clear();
	}
}

interface MeasuredRequest {
	readonly method: string;
	readonly routeOptions: { readonly url?: string | undefined };
}

/** The pattern of the route, never the path: ids and names in labels would make a time series each. */
function labels(port: string, { method, routeOptions }: MeasuredRequest, status: number) {
	return { port, method, route: routeOptions.url ?? 'none', status: `${Math.floor(status / 100)}xx` };
}

type RequestLabels = ReturnType<typeof labels>;

/** No method and no route of ours has a line end. */
function keyOf({ port, method, route, status }: RequestLabels): string {
	return `${port}\n${method}\n${route}\n${status}`;
}

function labelsOf(key: string): RequestLabels {
	const [port = '', method = '', route = '', status = ''] = key.split('\n');
	return { port, method, route, status };
}
