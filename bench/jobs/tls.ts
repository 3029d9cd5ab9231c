// What TLS and client certificates cost beside plain connections: requests over connections that stay, and
// connections that are made for one request, new and resumed. Each kind has a server of its own, and all take turns.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCa, makeCertificate } from '../../programs/server/fixtures.ts';
import { type ServerProcess, startServer } from '../../testing/kill-series/server-process.ts';
import type { Target, TargetTls } from '../../testing/load/connection.ts';
import type { LoadPlan } from '../../testing/load/plan.ts';
import { type MeasuredLoad, runLoad } from '../../testing/load/run.ts';
import type { Row, Table } from '../report/report.ts';

interface Kind {
	readonly name: string;
	readonly words: readonly string[];
	readonly tls?: TargetTls;
}

const workers = 16;

function kindsOf(folder: string): Kind[] {
	const ca = makeCa(folder, 'ca');
	const [server, device] = [makeCertificate(folder, 'server', ca), makeCertificate(folder, 'device', ca)];
	const text = (file: string) => readFileSync(file, 'utf8');
	const https = ['--scheme', 'https', '--client-tls-port', '0', '--mgmt-tls-port', '0'];
	const words = [...https, '--tls-certificate', server.certificate, '--tls-key', server.key];
	const trusted = { ca: text(ca.certificate) };
	const own = { cert: text(device.certificate), key: text(device.key) };
	return [
		{ name: 'plain', words: [] },
		{ name: 'TLS', words, tls: trusted },
		{ name: 'mTLS', words: [...words, '--tls-ca', ca.certificate], tls: { ...trusted, ...own } },
	];
}

/** @param duration of one measurement in milliseconds */
export async function measureTls(folder: string, duration: number): Promise<Table> {
	const kinds = kindsOf(folder);
	const servers: ServerProcess[] = [];
	try {
		for (const { name, words } of kinds) servers.push(await startServer(join(folder, `data-${name}`), [], words));
		const warmUp = duration / 4;
		const each = async (task: LoadPlan['task']) => {
			const loads: (MeasuredLoad | undefined)[] = [];
			for (const [index, server] of servers.entries()) {
				const { tls, name } = kinds[index] ?? { name: '' };
				if (tls === undefined && task.kind === 'connect' && task.resume) loads.push(undefined);
				else loads.push(await loaded(server, tls, name, task));
			}
			return loads;
		};
		const kept = await each({ kind: 'read', warmUp, duration });
		const made = await each({ kind: 'connect', resume: false, warmUp, duration });
		const resumed = await each({ kind: 'connect', resume: true, warmUp, duration });
		return {
			title: 'GET /workflows, plain beside TLS (1.3, P-256 certificates) and mutual TLS',
			columns: kinds.map(({ name }) => name),
			rows: [
				...rows('over connections that stay', 'request', kept),
				...rows('over a new connection each', 'connection', made),
				...rows('over a resumed connection each', 'connection', resumed),
			],
		};
	} finally {
		for (const server of servers) await server.stop();
	}
}

async function loaded(server: ServerProcess, tls: TargetTls | undefined, name: string, task: LoadPlan['task']) {
	const { hostname: host, port } = new URL(server.southbound);
	const target: Target = { host, port: Number(port), ...(tls && { tls }) };
	const load = await runLoad({ south: target, north: target, workers, name, task }, [server.pid]);
	if (load.errors > 0) throw new Error(`${name}: ${load.errors} requests failed: ${load.said.join('; ')}`);
	return load;
}

function rows(how: string, what: string, loads: readonly (MeasuredLoad | undefined)[]): Row[] {
	return [
		{ name: `requests ${how}`, unit: '1/s', values: loads.map((load) => load?.rate), better: 'more' },
		{ name: `  CPU of the server a ${what}`, unit: 'ms', values: loads.map((load) => load?.serverCpu), better: 'less' },
	];
}
