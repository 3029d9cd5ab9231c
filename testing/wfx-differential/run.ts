// Runs chapters of the script against any number of servers in lockstep: every server has answered a step before the
// next step is sent. It decides the order and the substitution of kept values, and empties the servers between chapters;
// it compares nothing.
import { EventStream } from './events.ts';
import { at, Names, normalise, normaliseFrames } from './normalise.ts';
import { begin, headersOf, isEventStream, type Outgoing, send } from './send.ts';
import type { Answer, Chapter, RawAnswer, Step } from './step.ts';

/** One server under comparison. */
export type Server = {
	readonly south: URL;
	readonly north: URL;
	/** Sent as `Authorization: Bearer` northbound only. */
	readonly token?: string | undefined;
};

/** The state that one server has within a chapter. */
type Side = {
	readonly server: Server;
	readonly kept: Map<string, string>;
	readonly streams: Map<string, EventStream>;
	readonly names: Names;
	readonly answers: Map<string, Answer>;
};

const API = '/api/wfx/v1/';
/** Time for a change to get another time stamp than the one before it, on a server whose clock counts milliseconds. */
const AFTER_CHANGE_MS = 3;
/** Time for an event to reach the open streams: wfx publishes after it has answered, in no fixed order. */
const AFTER_EVENT_MS = 40;

/** The trouble that stops a comparison: a server that is not empty, does not answer, or an impossible step. */
export class Trouble extends Error {}

/** Answers of one chapter, a map for each server. Leaves the servers empty. Throws Trouble. */
export async function runChapter(chapter: Chapter, servers: readonly Server[]): Promise<Map<string, Answer>[]> {
	const sides = servers.map((server) => ({
		server,
		kept: new Map<string, string>(),
		streams: new Map<string, EventStream>(),
		names: new Names([server.south.origin, server.north.origin]),
		answers: new Map<string, Answer>(),
	}));
	try {
		for (const step of chapter.steps) {
			await Promise.all(sides.map((side) => runStep(step, side)));
			const changes = !/^\w+ (GET|HEAD|OPTIONS) /.test(step.send);
			if (changes) await wait(sides.some((side) => side.streams.size > 0) ? AFTER_EVENT_MS : AFTER_CHANGE_MS);
		}
	} catch (cause) {
		throw new Trouble(`chapter ${chapter.name}: ${(cause as Error).message}`, { cause });
	} finally {
		await Promise.all(sides.flatMap((side) => [...side.streams.values()].map((stream) => stream.close())));
	}
	await Promise.all(servers.map((server) => clear(server)));
	return sides.map((side) => side.answers);
}

async function runStep(step: Step, side: Side): Promise<void> {
	try {
		const answer = step.events === undefined ? await request(step, side) : await eventAction(step, step.events, side);
		side.answers.set(step.name, answer);
	} catch (cause) {
		throw new Error(`step "${step.name}": ${(cause as Error).message}`, { cause });
	}
}

async function request(step: Step, side: Side): Promise<Answer> {
	const raw = await send(outgoing(step, side));
	keep(step, raw, side);
	return normalise(raw, step, side.names);
}

async function eventAction(step: Step, events: string, side: Side): Promise<Answer> {
	const [action, name = ''] = events.split(' ');
	if (action === 'open') {
		const response = await begin(outgoing(step, side));
		if (!isEventStream(response)) throw new Error(`status ${response.statusCode} instead of an event stream`);
		side.streams.set(name, new EventStream(response));
		const raw = { status: response.statusCode ?? 0, headers: headersOf(response), body: new Uint8Array() };
		return normalise(raw, step, side.names);
	}
	const stream = side.streams.get(name);
	if (action !== 'read' || stream === undefined) throw new Error(`no open event stream for "${events}"`);
	side.streams.delete(name);
	return { status: 0, headers: {}, lines: normaliseFrames(await stream.close(), step, side.names) };
}

function outgoing(step: Step, side: Side): Outgoing {
	const match = /^(north|south) (\S+) (.*)$/.exec(step.send);
	if (match === null) throw new Error(`cannot read "${step.send}"`);
	const [, port, method = '', target = ''] = match;
	const filled = fill(target, side.kept);
	const base = port === 'north' ? side.server.north : side.server.south;
	const body = bodyOf(step, side.kept);
	const type = step.type === undefined ? 'application/json' : step.type;
	const headers: Record<string, string | readonly string[]> = {};
	if (body !== undefined && type !== null) headers['content-type'] = type;
	if (port === 'north' && side.server.token !== undefined) headers.authorization = `Bearer ${side.server.token}`;
	for (const [name, value] of Object.entries(step.headers ?? {}))
		headers[name] = typeof value === 'string' ? fill(value, side.kept) : value;
	return {
		base,
		method,
		target: filled.startsWith('/') ? filled : `${API}${filled}`,
		headers,
		body,
		chunked: step.chunked === true,
	};
}

function bodyOf(step: Step, kept: ReadonlyMap<string, string>): Uint8Array | undefined {
	if (step.text instanceof Uint8Array) return step.text;
	if (step.text !== undefined) return new TextEncoder().encode(fill(step.text, kept));
	if (step.json !== undefined) return new TextEncoder().encode(fill(JSON.stringify(step.json), kept));
	return undefined;
}

/** Replaces `<name>` by the kept value; an unknown name stays as it is. */
const fill = (text: string, kept: ReadonlyMap<string, string>): string =>
	text.replace(/<([a-zA-Z]\w*)>/g, (whole, name: string) => kept.get(name) ?? whole);

function keep(step: Step, raw: RawAnswer, side: Side): void {
	for (const [name, path] of Object.entries(step.keep ?? {})) {
		const value = at(JSON.parse(new TextDecoder().decode(raw.body)), path);
		if (typeof value !== 'string') throw new Error(`the answer (status ${raw.status}) has no text at ${path}`);
		side.kept.set(name, value);
	}
}

/** Throws Trouble unless the server has neither jobs nor workflows: what it holds would show in the answers. */
export async function requireEmpty(server: Server): Promise<void> {
	for (const kind of ['jobs', 'workflows']) {
		const found = (await list(server, kind)).length;
		if (found > 0)
			throw new Trouble(`${server.north.origin} already holds ${kind}: start it on an empty store, or give --clear`);
	}
}

/** Deletes every job and workflow. */
export async function clear(server: Server): Promise<void> {
	for (const [kind, key] of [
		['jobs', 'id'],
		['workflows', 'name'],
	] as const) {
		for (let round = 0; round < 1000; round++) {
			const items = await list(server, kind);
			if (items.length === 0) break;
			for (const item of items) await north(server, 'DELETE', `${API}${kind}/${encodeURIComponent(String(item[key]))}`);
		}
	}
}

async function list(server: Server, kind: string): Promise<Record<string, unknown>[]> {
	const raw = await north(server, 'GET', `${API}${kind}?limit=100`);
	if (raw.status !== 200)
		throw new Trouble(
			`${server.north.origin} answers ${raw.status} to GET ${kind}: is a token needed (--token-a, --token-b)?`,
		);
	return JSON.parse(new TextDecoder().decode(raw.body)).content;
}

async function north(server: Server, method: string, target: string): Promise<RawAnswer> {
	const headers: Record<string, string> = server.token === undefined ? {} : { authorization: `Bearer ${server.token}` };
	try {
		return await send({ base: server.north, method, target, headers, body: undefined, chunked: false });
	} catch (cause) {
		throw new Trouble((cause as Error).message, { cause });
	}
}

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
