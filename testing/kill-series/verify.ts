// Compares the ledger of the writers with what a server says after it was started again: its jobs, their history, and
// the events that a subscriber received. What was acknowledged must be there once; what is unknown may be there, but
// then with its event.

import type { Client } from './client.ts';
import type { ReceivedEvent } from './subscriber.ts';
import type { Ledger, LedgerJob } from './writers.ts';

export interface Verdict {
	readonly findings: string[];
	/** Changes that were acknowledged, and of those without an answer the ones that are there all the same. */
	acknowledged: number;
	unknownKept: number;
	unknownLost: number;
}

interface StoredJob {
	readonly id: string;
	readonly status: { readonly message?: string };
	readonly history?: readonly { readonly status?: { readonly message?: string } }[];
}

/** @param base URL of the API. */
export async function verify(
	client: Client,
	base: string,
	ledger: Ledger,
	events: readonly ReceivedEvent[],
): Promise<Verdict> {
	const verdict: Verdict = { findings: [...ledger.refusals], acknowledged: 0, unknownKept: 0, unknownLost: 0 };
	const byClient = Map.groupBy(events, ({ clientId }) => clientId);
	const rest = [...ledger.jobs];
	const verifyRest = async () => {
		for (let job = rest.pop(); job !== undefined; job = rest.pop()) {
			await verifyJob(client, base, job, byClient.get(job.clientId) ?? [], verdict);
		}
	};
	await Promise.all(Array.from({ length: 20 }, verifyRest));
	return verdict;
}

async function verifyJob(
	client: Client,
	base: string,
	job: LedgerJob,
	events: readonly ReceivedEvent[],
	verdict: Verdict,
): Promise<void> {
	const find = (text: string) => verdict.findings.push(`${job.clientId}: ${text}`);
	const list = await client.send('GET', `${base}/jobs?clientId=${job.clientId}`);
	const content = (list?.body as { content?: StoredJob[] } | undefined)?.content;
	if (list?.status !== 200 || content === undefined) return void find(`the list cannot be read: ${list?.status}`);
	if (content.length > 1) find('the job is there more than once');
	count(verdict, job.created, content.length > 0);
	const [listed] = content;
	if (listed === undefined) {
		if (job.created === 'acknowledged') find('the job was acknowledged and is lost');
		if (events.length > 0) find('there is an event, but no job');
		return;
	}
	const answer = await client.send('GET', `${base}/jobs/${listed.id}?history=true`);
	if (answer?.status !== 200) return void find(`the job cannot be read: ${answer?.status}`);
	const stored = answer.body as StoredJob;

	// Oldest first. The status at creation has no message.
	const messages = [...(stored.history ?? [])].reverse().map(({ status }) => status?.message);
	messages.push(stored.status.message);
	const kept = messages.slice(1).map(String);
	if (messages[0] !== undefined) find('the history does not begin with the creation');
	for (const [message, outcome] of job.reports) {
		const times = kept.filter((one) => one === message).length;
		if (times === 0 && outcome === 'acknowledged') find(`report ${message} was acknowledged and is lost`);
		if (times > 1) find(`report ${message} is there ${times} times`);
		count(verdict, outcome, times > 0);
	}
	for (const message of kept) if (!job.reports.has(message)) find(`report ${message} was never sent`);
	const disorder = outOfOrder(kept);
	if (disorder !== undefined) find(`report ${disorder} is out of its writer's order`);

	const expected = ['CREATE', ...kept.map((message) => `UPDATE_STATUS ${message}`)];
	const received = events.map(({ action, message }) => (action === 'CREATE' ? action : `${action} ${message}`));
	if (expected.join('\n') !== received.join('\n')) {
		find(`events differ from the job: ${received.length} received, ${expected.length} expected`);
	}
}

function count(verdict: Verdict, outcome: 'acknowledged' | 'unknown', there: boolean): void {
	if (outcome === 'acknowledged') verdict.acknowledged++;
	else if (there) verdict.unknownKept++;
	else verdict.unknownLost++;
}

/** The first of `WRITER.NUMBER` messages that does not come after the one before of its writer. */
function outOfOrder(messages: readonly string[]): string | undefined {
	const last = new Map<string, number>();
	return messages.find((message) => {
		const [writer = '', number = ''] = message.split('.');
		const before = last.get(writer) ?? -1;
		last.set(writer, Number(number));
		return Number(number) <= before;
	});
}

/** Findings about a stream of events: ids ascend, so nothing came twice, and both subscribers received the same. */
export function verifyStreams(resumed: readonly ReceivedEvent[], fresh: readonly ReceivedEvent[]): string[] {
	const findings: string[] = [];
	for (const [name, events] of Object.entries({ resumed, fresh })) {
		events.forEach((event, index) => {
			const before = events[index - 1]?.id ?? 0;
			if (event.id <= before) findings.push(`${name} subscriber: event ${event.id} came after ${before}`);
		});
	}
	const ids = (events: readonly ReceivedEvent[]) => events.map(({ id }) => id);
	const [seen, all] = [new Set(ids(resumed)), new Set(ids(fresh))];
	for (const id of all) if (!seen.has(id)) findings.push(`event ${id} never reached the subscriber who resumed`);
	for (const id of seen) if (!all.has(id)) findings.push(`event ${id} was delivered and is gone`);
	return findings;
}
