// Jobs over HTTP, as spec/wfx.openapi.yaml describes them. It decides what a device may see: its own jobs only, where the
// port knows who it is. Who is asking is the plumbing's to know; what happens to a job is decided in steps.ts.

import { CaissonError } from '../errors.ts';
import type { Call, Handlers, Outcome } from '../web/api.ts';
import { type EventFrame, type EventStreamLimits, streamEvents } from '../web/event-stream.ts';
import { emptyReply, errorReply, jsonReply } from '../web/problem.ts';
import { type EventFeed, type EventFilter, eventMatches } from './event-feed.ts';
import type { JobRequest } from './rules/changes.ts';
import { type Job, type JsonObject, jobActions } from './rules/model.ts';
import type { StatusReport } from './rules/status.ts';
import { eventWire, jobWire } from './rules/wire.ts';
import {
	createJob,
	deleteJob,
	editTags,
	type JobWorld,
	type Request,
	updateDefinition,
	updateStatus,
} from './steps.ts';
import type { JobFilter } from './store.ts';

/** What event streams need beside the jobs. */
export interface EventStreams {
	readonly feed: EventFeed;
	readonly limits: () => EventStreamLimits;
	/** Aborts when the server stops. */
	readonly stopping: AbortSignal;
	/** Called as subscribers come (1) and go (-1). */
	readonly onSubscribers?: (change: 1 | -1) => void;
}

export function jobHandlers(world: JobWorld, streams: EventStreams): Handlers {
	const getDefinition = async (call: Call): Promise<Outcome> => {
		const job = await find(world, call);
		return answer(job, job.definition ?? null);
	};
	const editHandler = (edit: 'add' | 'remove') => async (call: Call) => {
		const job = await editTags(world, call.params.id ?? '', edit, call.body as string[], request(call));
		return answer(job, job.tags);
	};
	return {
		'GET /jobs': (call) => queryJobs(world, call),
		'POST /jobs': (call) => postJob(world, call),
		'GET /jobs/events': (call) => subscribe(streams, call),
		'GET /jobs/{id}': async (call) => {
			const job = await find(world, call);
			const history = call.query.history === true ? await world.jobs.history(job.id) : undefined;
			return answer(job, jobWire(job, history));
		},
		'DELETE /jobs/{id}': async (call) => {
			try {
				await deleteJob(world, call.params.id ?? '', request(call));
			} catch (error) {
				// wfx answers an unknown job with an empty object here, and here only.
				if (error instanceof CaissonError && error.code === 'job-not-found') return { reply: jsonReply(404, {}) };
				throw error;
			}
			return { reply: emptyReply(204) };
		},
		'GET /jobs/{id}/status': async (call) => {
			const job = await find(world, call);
			return answer(job, job.status);
		},
		'PUT /jobs/{id}/status': async (call) => {
			const actor = call.port === 'southbound' ? 'CLIENT' : 'WFX';
			const report = call.body as StatusReport;
			refuseOtherName(call, report);
			const { status, version } = await updateStatus(world, call.params.id ?? '', report, actor, request(call));
			return { status: 200, value: status, headers: { ETag: `"${version}"` } };
		},
		'GET /jobs/{id}/definition': getDefinition,
		// SWUpdate asks this path when a definition has changed, and never again anything else where it gets 404.
		'GET /job/{id}/definition': getDefinition,
		'PUT /jobs/{id}/definition': async (call) => {
			if (call.identity.kind === 'device') {
				throw new CaissonError('forbidden', 'what a job is about is decided by operators; a device reports its status');
			}
			const job = await updateDefinition(world, call.params.id ?? '', call.body as JsonObject, request(call));
			return answer(job, job.definition ?? {});
		},
		'GET /jobs/{id}/tags': async (call) => {
			const job = await find(world, call);
			return answer(job, job.tags);
		},
		'POST /jobs/{id}/tags': editHandler('add'),
		'DELETE /jobs/{id}/tags': editHandler('remove'),
	};
}

/** The device whose jobs alone may be seen and changed; undefined: all of them. */
function ownerOf({ identity }: Call): string | undefined {
	return identity.kind === 'device' ? identity.clientId : undefined;
}

/**
 * A report that names its device names the one that sends it. SWUpdate sends its own id here; what it sends while it
 * installs has no other mark of who it is, and needs none.
 */
function refuseOtherName(call: Call, { clientId }: StatusReport): void {
	const owner = ownerOf(call);
	if (owner === undefined || clientId === undefined || clientId === owner) return;
	throw new CaissonError('forbidden', 'clientId: the report names another device than the one that sends it');
}

async function find(world: JobWorld, call: Call): Promise<Job> {
	const { id } = call.params;
	const owner = ownerOf(call);
	const job = id === undefined ? undefined : await world.jobs.find(id);
	if (job === undefined || (owner !== undefined && job.clientId !== owner))
		throw new CaissonError('job-not-found', `job with id ${id} does not exist`);
	return world.folding.shown(job);
}

function answer(job: Job, value: unknown): Outcome {
	return { status: 200, value, headers: { ETag: `"${job.version}"` } };
}

/** Who asks, and what that demands of the job: being its own, and the version of If-Match (RFC 9110, section 13.1.1). */
function request(call: Call): Request {
	const owner = ownerOf(call);
	const who = { by: call.by, ...(owner !== undefined && { owner }) };
	const ifMatch = call.header('if-match')?.trim();
	if (ifMatch === undefined || ifMatch === '*') return who;
	const version = /^"?(\d{1,15})"?$/.exec(ifMatch)?.[1];
	// A tag that no job ever had matches none.
	return { ...who, ifVersion: version === undefined ? -1 : Number(version) };
}

async function postJob(world: JobWorld, call: Call): Promise<Outcome> {
	try {
		return { status: 201, value: await createJob(world, call.body as JobRequest, call.by) };
	} catch (error) {
		// An unknown workflow makes the request bad; nothing that was asked for is missing.
		if (error instanceof CaissonError && error.code === 'workflow-not-found') {
			return { reply: errorReply(error, { strict: false, status: 400 }) };
		}
		throw error;
	}
}

/** How many jobs one answer holds at most, so that no request can make the server run out of memory. */
const jobsAnAnswer = 10_000;

async function queryJobs(world: JobWorld, call: Call): Promise<Outcome> {
	const { query } = call;
	const owner = ownerOf(call);
	const limit = (query.limit as number | undefined) ?? 10;
	const offset = (query.offset as number | undefined) ?? 0;
	const sort = (query.sort as 'asc' | 'desc' | undefined) ?? 'asc';
	const filter: JobFilter = {
		...(query.clientId && { clientId: query.clientId as string }),
		...(owner !== undefined && { clientId: owner }),
		...(query.state && { state: query.state as string }),
		...(query.workflow && { workflow: query.workflow as string }),
		...(query.group !== undefined && { groups: query.group as string[] }),
		...(query.tag !== undefined && { tags: query.tag as string[] }),
	};
	if (owner !== undefined && query.clientId && query.clientId !== owner) {
		// What other devices have to do is nothing that it could find.
		const none = query.pagination === true ? { pagination: { limit, offset, total: 0 } } : {};
		return { status: 200, value: { content: [], ...none } };
	}
	// As in wfx, a limit of 0 or less is none, and a negative offset is 0.
	const rows = limit > 0 && limit <= jobsAnAnswer ? limit : jobsAnAnswer + 1;
	const page = { limit: rows, offset: Math.max(0, offset), sort, total: query.pagination === true };
	const { jobs, total } = await world.jobs.query(filter, page);
	if (jobs.length > jobsAnAnswer) {
		const message = `more than ${jobsAnAnswer} jobs match: ask for them in pages, with limit and offset`;
		throw new CaissonError('request-invalid', message);
	}
	const content = jobs.map((job) => jobWire(world.folding.shown(job)));
	const pagination = total === undefined ? {} : { pagination: { limit, offset, total } };
	return { status: 200, value: { content, ...pagination } };
}

async function subscribe(streams: EventStreams, call: Call): Promise<Outcome> {
	const filter = eventFilter(call);
	const tags = list(call.query.tags);
	const { feed } = streams;
	const owner = ownerOf(call);
	let position = feed.last;
	const first: EventFrame[] = [];
	const resume = call.header('last-event-id')?.trim();
	if (resume) {
		if (!/^\d{1,15}$/.test(resume)) throw new CaissonError('event-filter-invalid', `Last-Event-ID ${resume}`);
		const seen = Number(resume);
		position = await feed.resumesAt(seen);
		// Said rather than skipped in silence: what is lost is a fact for the client.
		if (position !== seen) {
			first.push({ event: 'lost', data: JSON.stringify({ after: seen, first: position + 1 }), id: position });
		}
	}
	call.reply.hijack();
	streams.onSubscribers?.(1);
	try {
		const next = async (signal: AbortSignal) => {
			if (first.length > 0) return first.splice(0);
			const events = await feed.after(position, signal);
			position = events.at(-1)?.id ?? position;
			return events
				.filter((event) => (owner === undefined || event.clientId === owner) && eventMatches(filter, event))
				.map((event) => ({ id: event.id, data: eventWire(event, tags) }));
		};
		await streamEvents(call.reply.raw, streams.limits(), streams.stopping, next, call.openToOrigins);
	} finally {
		streams.onSubscribers?.(-1);
	}
	return 'sent';
}

function eventFilter({ query }: Call): EventFilter {
	const actions = list(query.actions)?.map((action) => action.toUpperCase());
	const unknown = actions?.find((action) => !(jobActions as readonly string[]).includes(action));
	if (unknown !== undefined) throw new CaissonError('event-filter-invalid', `unknown action ${unknown}`);
	const filter = {
		clientIds: list(query.clientIds),
		jobIds: list(query.jobIds),
		workflows: list(query.workflows),
		actions,
	};
	return Object.fromEntries(Object.entries(filter).filter(([, values]) => values !== undefined));
}

function list(value: unknown): string[] | undefined {
	return typeof value === 'string' ? value.split(',') : undefined;
}
