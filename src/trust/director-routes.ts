// The director over HTTP, as values: a request in, an answer out. Devices get their metadata and hand in manifests, whose
// signatures say who they are; operators come by another listener, which alone knows the operations on devices and
// orders. It leaves out sockets (programs/director).

import { CaissonError, meaningOf } from '../errors.ts';
import type { Director } from './director/director.ts';
import type { Order } from './rules/director/orders.ts';
import { at, Fault, integer, list, map, object, string, type Where } from './rules/metadata/read-fields.ts';

export interface DirectorRequest {
	readonly method: string;
	/** Without the query. */
	readonly path: string;
	readonly body: Uint8Array;
}

export interface DirectorAnswer {
	readonly status: number;
	readonly body: Uint8Array | string;
	readonly headers?: Readonly<Record<string, string>>;
}

const notFound: DirectorAnswer = { status: 404, body: 'There is no such path.\n' };

/** What devices may ask: `/director/DEVICE/FILE.json` and POST `/director/DEVICE/manifest`. */
export async function answerDevice(director: Director, request: DirectorRequest): Promise<DirectorAnswer> {
	return answered(async () => {
		const [, device = '', file = ''] = /^\/director\/([^/]+)\/([^/]+)$/.exec(request.path) ?? [];
		if (file === 'manifest') {
			if (request.method !== 'POST') return { status: 405, body: 'POST is due.\n' };
			const { accepted, findings } = director.receive(device, request.body);
			return json(accepted ? 200 : 400, { accepted, findings });
		}
		if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'GET is due.\n' };
		const body = await director.metadata(device, file);
		if (body === undefined) return notFound;
		const cache = file === 'timestamp.json' ? 'no-store' : 'public, max-age=31536000, immutable';
		return { status: 200, body, headers: { 'content-type': 'application/json', 'cache-control': cache } };
	});
}

/** What operators may ask: devices, orders, manifests, as JSON. */
export async function answerOperator(
	director: Director,
	{ method, path, body }: DirectorRequest,
): Promise<DirectorAnswer> {
	return answered(async () => {
		const [, device, what, component] = /^\/devices(?:\/([^/]+)(?:\/(orders|manifests)(?:\/([^/]+))?)?)?$/.exec(
			path,
		) ?? [''];
		if (!path.startsWith('/devices')) return notFound;
		switch (`${method} ${device === undefined ? '' : 'device'} ${what ?? ''}`) {
			case 'GET  ':
				return json(200, director.devices());
			case 'POST  ':
				return json(201, director.addDevice(parsed(body)));
			case 'PUT device ':
				return json(200, director.addDevice(parsed(body), true));
			case 'GET device ':
				return json(200, director.device(device as string));
			case 'PUT device orders':
				director.setOrder(device as string, readOrder(parsed(body)));
				return json(200, director.device(device as string).orders);
			case 'DELETE device orders':
				director.clearOrders(device as string, component);
				return json(200, director.device(device as string).orders);
			case 'GET device manifests':
				return json(200, director.manifests(device as string, 200));
			default:
				return notFound;
		}
	});
}

async function answered(work: () => Promise<DirectorAnswer>): Promise<DirectorAnswer> {
	try {
		return await work();
	} catch (error) {
		const { code, http } = meaningOf(error);
		const message = error instanceof CaissonError ? error.message : 'internal error';
		return json(http, { code, message });
	}
}

function json(status: number, value: unknown): DirectorAnswer {
	return { status, body: `${JSON.stringify(value)}\n`, headers: { 'content-type': 'application/json' } };
}

function parsed(body: Uint8Array): unknown {
	try {
		return JSON.parse(new TextDecoder().decode(body));
	} catch (cause) {
		throw new CaissonError('request-invalid', 'The body is not JSON.', { cause });
	}
}

/** @throws CaissonError request-invalid, naming the field */
function readOrder(value: unknown): Order {
	try {
		const top: Where = { name: '', parent: undefined };
		const fields = object(value, top);
		const hardwareIds: string[] = [];
		list(fields.hardwareIds, at(top, 'hardwareIds'), (item, where) => hardwareIds.push(string(item, where)));
		map(fields.hashes, at(top, 'hashes'), (hash, where) => {
			if (!/^[0-9a-f]{64,128}$/.test(string(hash, where))) throw new Fault(where, 'lower-case hex digits are due');
		});
		return {
			component: string(fields.component, at(top, 'component')),
			path: string(fields.path, at(top, 'path')),
			length: integer(fields.length, at(top, 'length'), 0),
			hashes: fields.hashes as Order['hashes'],
			hardwareIds,
			releaseCounter: integer(fields.releaseCounter, at(top, 'releaseCounter'), 0),
		};
	} catch (error) {
		if (!(error instanceof Fault)) throw error;
		throw new CaissonError('request-invalid', `The order is refused: ${error.message}.`);
	}
}
