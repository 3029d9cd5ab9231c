// Concurrent writers of jobs, and the ledger of what the server acknowledged to them. Most writers create jobs and
// report on them; the rest report on a few jobs that they share. Each report has a message of its own, so that each
// is a change to be kept and can be told from every other.

import type { Client } from './client.ts';
import type { ServerProcess } from './server-process.ts';

type Outcome = 'acknowledged' | 'unknown';

/** What is known of a job from its writers' side. */
export interface LedgerJob {
	readonly clientId: string;
	readonly created: Outcome;
	/** By message `WRITER.NUMBER`; a writer sends the next after the answer to the one before. */
	readonly reports: Map<string, Outcome>;
}

export interface Ledger {
	readonly jobs: LedgerJob[];
	/** Answers that a server has no reason to give here. */
	readonly refusals: string[];
}

export const workflow = {
	name: 'kill-series',
	states: [{ name: 'NEW' }, { name: 'RUNNING' }],
	transitions: [{ from: 'NEW', to: 'RUNNING', eligible: 'CLIENT' }],
};

const api = '/api/wfx/v1';
const reportsPerJob = 8;

/**
 * Writes with `writers` writers, spread over the servers, each until its server is gone or `stopped` says so. Jobs that
 * are shared are written through all servers. `round` keeps the names of rounds apart.
 */
export async function write(
	client: Client,
	servers: readonly [ServerProcess, ...ServerProcess[]],
	round: string,
	writers: { readonly own: number; readonly shared: number; readonly sharedJobs: number },
	stopped: () => boolean = () => false,
): Promise<Ledger> {
	const ledger: Ledger = { jobs: [], refusals: [] };
	const context = { client, server: servers[0], ledger, stopped };
	const through = (writer: number): Context => ({ ...context, server: servers[writer % servers.length] ?? servers[0] });
	const shared: { readonly job: LedgerJob; readonly id: string }[] = [];
	for (let number = 0; number < writers.sharedJobs; number++) {
		const made = await create(context, `${round}-shared-${number}`);
		if (made !== undefined) shared.push(made);
	}
	const own = Array.from({ length: writers.own }, (_, writer) => writeOwn(through(writer), `${round}-w${writer}`));
	const others = Array.from({ length: writers.shared }, (_, writer) =>
		writeShared(through(writer), `s${writer}`, shared),
	);
	await Promise.all([...own, ...others]);
	return ledger;
}

interface Context {
	readonly client: Client;
	readonly server: ServerProcess;
	readonly ledger: Ledger;
	readonly stopped: () => boolean;
}

async function writeOwn(context: Context, name: string): Promise<void> {
	for (let number = 0; !context.stopped(); number++) {
		const made = await create(context, `${name}-${number}`);
		if (made === undefined) return;
		for (let report = 0; report < reportsPerJob; report++) {
			if (!(await send(context, made.job, made.id, `own.${report}`))) return;
		}
	}
}

async function writeShared(
	context: Context,
	name: string,
	jobs: readonly { readonly job: LedgerJob; readonly id: string }[],
): Promise<void> {
	for (let number = 0; !context.stopped(); number++) {
		const target = jobs[number % jobs.length];
		if (target === undefined) return;
		if (!(await send(context, target.job, target.id, `${name}.${number}`))) return;
	}
}

async function create(
	{ client, server, ledger }: Context,
	clientId: string,
): Promise<{ job: LedgerJob; id: string } | undefined> {
	const answer = await client.send('POST', `${server.northbound}${api}/jobs`, { clientId, workflow: workflow.name });
	if (answer === undefined || answer.status !== 201) {
		if (answer !== undefined)
			ledger.refusals.push(`create ${clientId}: ${answer.status} ${JSON.stringify(answer.body)}`);
		ledger.jobs.push({ clientId, created: 'unknown', reports: new Map() });
		return undefined;
	}
	const job: LedgerJob = { clientId, created: 'acknowledged', reports: new Map() };
	ledger.jobs.push(job);
	return { job, id: (answer.body as { id: string }).id };
}

/** @returns whether the server is still there */
async function send(context: Context, job: LedgerJob, id: string, message: string): Promise<boolean> {
	const { client, server, ledger } = context;
	const body = { clientId: job.clientId, state: 'RUNNING', message };
	const answer = await client.send('PUT', `${server.southbound}${api}/jobs/${id}/status`, body);
	job.reports.set(message, answer?.status === 200 ? 'acknowledged' : 'unknown');
	if (answer !== undefined && answer.status !== 200) {
		ledger.refusals.push(`report ${message} on ${job.clientId}: ${answer.status} ${JSON.stringify(answer.body)}`);
	}
	return answer !== undefined;
}
