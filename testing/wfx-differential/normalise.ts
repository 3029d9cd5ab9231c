// What of an answer is compared. Decides which headers matter and replaces what differs between any two servers: ids,
// times and the server's own address. Order of keys in an object is not compared, order in arrays is. It leaves out
// what a client cannot notice: how a JSON text is spelled (escapes, spaces, exponents) and connection headers.
import type { Answer, RawAnswer, Step } from './step.ts';

/** The headers that a client may act on. */
const HEADERS = [
	'content-type',
	'allow',
	'x-response-filter',
	'cache-control',
	'pragma',
	'expires',
	'link',
	'vary',
	'location',
	'x-content-type-options',
	'x-accel-buffering',
	'content-encoding',
	'www-authenticate',
	'retry-after',
	'deprecation',
];
/** Further ones where files are served. */
const FILE_HEADERS = [
	'content-length',
	'content-range',
	'accept-ranges',
	'last-modified',
	'etag',
	'content-disposition',
];

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;
/** RFC 3339 with up to nanoseconds, the way wfx writes times. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)$/;
/** The time of an event: always three digits. */
const EVENT_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d)$/;
const BOUNDARY = /boundary=([0-9a-zA-Z'()+_,\-./:=?]+)/;

/**
 * The names that one server's ids and times get: after the step in whose answer they first occurred, so two answers
 * compare equal only when the same ids and times recur in the same places. One a server and chapter.
 */
export class Names {
	readonly #names = new Map<string, string>();
	readonly #counts = new Map<string, number>();
	readonly #origins: readonly string[];
	#step = '';

	/** `origins`: the server's own addresses (`http://host:port`), which may occur in headers and bodies. */
	constructor(origins: readonly string[]) {
		this.#origins = origins;
	}

	/** What is new from now on is named after this step. */
	enter(step: string): void {
		this.#step = step;
	}

	time(time: string): string {
		return this.#name('time', time);
	}

	/** Replaces ids and own addresses inside a text. */
	text(text: string): string {
		let out = text.replace(UUID, (uuid) => this.#name('id', uuid.toLowerCase()));
		for (const origin of this.#origins) out = out.replaceAll(origin, '<origin>');
		return out;
	}

	#name(kind: string, value: string): string {
		const known = this.#names.get(value);
		if (known !== undefined) return known;
		const stem = `${kind} of ${this.#step}`;
		const count = (this.#counts.get(stem) ?? 0) + 1;
		this.#counts.set(stem, count);
		const name = count === 1 ? `<${stem}>` : `<${stem}, ${count}>`;
		this.#names.set(value, name);
		return name;
	}
}

/** The comparable form of one answer. Deterministic but for `names`, which learns new ids and times. */
export function normalise(raw: RawAnswer, step: Step, names: Names): Answer {
	names.enter(step.name);
	const headers: Record<string, string> = {};
	const wanted = (name: string) =>
		HEADERS.includes(name) ||
		name.startsWith('access-control-') ||
		(step.file === true && FILE_HEADERS.includes(name) && !(name === 'content-length' && isMultipart(raw)));
	for (const name of Object.keys(raw.headers).sort())
		if (wanted(name)) headers[name] = names.text(raw.headers[name] ?? '').replace(BOUNDARY, 'boundary=<boundary>');
	if (raw.body.length === 0) return { status: raw.status, headers };
	const text = new TextDecoder().decode(raw.body);
	const whole = parse(text);
	if (whole !== undefined) return { status: raw.status, headers, json: select(clean(whole.value, names), step) };
	const lines = text.replace(/\n$/, '').split('\n').map(parse);
	if (lines.length > 1 && lines.every((line) => line !== undefined))
		return { status: raw.status, headers, lines: lines.map((line) => clean(line.value, names)) };
	const boundary = isMultipart(raw) ? BOUNDARY.exec(raw.headers['content-type'] ?? '')?.[1] : undefined;
	const shown = boundary === undefined ? text : text.replaceAll(boundary, '<boundary>');
	return { status: raw.status, headers, text: names.text(shown) };
}

/**
 * Frames of an event stream: the data parsed, the other fields (id, event, retry) beside it. An id counts from the one
 * before it; only the first is compared as it is, so that one frame more does not make all that follow it differ.
 */
export function normaliseFrames(frames: readonly string[], step: Step, names: Names): readonly unknown[] {
	names.enter(step.name);
	let last: number | undefined;
	return frames.map((frame) => {
		const fields: Record<string, unknown> = {};
		for (const line of frame.split('\n')) {
			const colon = line.indexOf(':');
			const name = colon < 0 ? line : line.slice(0, colon);
			const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
			const data = name === 'data' ? parse(value) : undefined;
			fields[name] = data === undefined ? names.text(value) : clean(data.value, names);
		}
		const id = Number(fields.id);
		if (last !== undefined && id > last) fields.id = '<larger than before>';
		last = id;
		return fields;
	});
}

const isMultipart = (raw: RawAnswer): boolean => (raw.headers['content-type'] ?? '').startsWith('multipart/');

function parse(text: string): { value: unknown } | undefined {
	try {
		return { value: JSON.parse(text) };
	} catch {
		return undefined;
	}
}

/** Sorts keys, names ids and times, and shows the numbers that a JSON text would lose. */
function clean(value: unknown, names: Names): unknown {
	if (typeof value === 'string') return TIME.test(value) ? names.time(value) : names.text(value);
	if (typeof value === 'number' && (Object.is(value, -0) || !Number.isFinite(value)))
		return `<number ${Object.is(value, -0) ? '-0' : value}>`;
	if (Array.isArray(value)) return value.map((item) => clean(item, names));
	if (value === null || typeof value !== 'object') return value;
	const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
	return Object.fromEntries(
		entries.map(([key, item]) => {
			// When an event was published has no fixed relation to the times of the job that it tells of.
			const published = key === 'ctime' && typeof item === 'string' && EVENT_TIME.test(item);
			return [key, published ? '<time with milliseconds>' : clean(item, names)];
		}),
	);
}

function select(value: unknown, step: Step): unknown {
	let out = value;
	if (step.pick !== undefined) {
		out = Object.fromEntries(
			step.pick.map((path) => {
				if (!path.endsWith('.*')) return [path, at(value, path) ?? null];
				const found = at(value, path.slice(0, -2));
				const keys = found !== null && typeof found === 'object' ? Object.keys(found) : [];
				return [path, Object.fromEntries(keys.map((key) => [key, 'present']))];
			}),
		);
	}
	for (const path of step.mask ?? []) {
		const parent = at(out, path.split('.').slice(0, -1).join('.'));
		const key = path.split('.').at(-1) ?? '';
		if (parent !== null && typeof parent === 'object' && key in parent) {
			const holder = parent as Record<string, unknown>;
			holder[key] = `<any ${typeof holder[key]}>`;
		}
	}
	return out;
}

/** The value at a dotted path; the empty path is the value itself. */
export function at(value: unknown, path: string): unknown {
	let found = value;
	for (const key of path === '' ? [] : path.split('.')) {
		if (found === null || typeof found !== 'object') return undefined;
		found = (found as Record<string, unknown>)[key];
	}
	return found;
}
