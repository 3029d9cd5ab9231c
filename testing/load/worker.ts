// One worker of the load: sends one request after the other over one connection a port, and notes how each went. It
// leaves out when to begin and to end (run.ts).

import { type Connection, open, type Target } from './connection.ts';
import { Outcomes } from './outcomes.ts';
import {
	advanceRequest,
	createRequest,
	idOfCreated,
	type Kind,
	pollRequest,
	reports,
	turns,
	workflowsRequest,
} from './requests.ts';

export interface WorkerPlan {
	readonly south: Target;
	readonly north: Target;
	/** Tells the clients of this worker's jobs from those of others. */
	readonly name: string;
	/** Devices device-0 … that have a job each; they are polled. */
	readonly devices: number;
	/** Where in the order of turns, and at which device, it begins. */
	readonly start: number;
}

const success: Readonly<Record<Kind, number>> = { poll: 200, workflows: 200, create: 201, advance: 200, connect: 200 };

const mostTries = 1000;

interface OwnJob {
	readonly id: string;
	readonly clientId: string;
	reported: number;
}

export class Worker {
	outcomes = new Outcomes();
	readonly #plan: WorkerPlan;
	readonly #jobs: OwnJob[] = [];
	#south: Connection | undefined;
	#north: Connection | undefined;
	#turn: number;
	#device: number;
	#created = 0;
	#session: Buffer | undefined;

	constructor(plan: WorkerPlan) {
		this.#plan = plan;
		this.#turn = plan.start;
		this.#device = plan.start * 7919;
	}

	/** Works until `stopped`, checked between two requests. */
	async work(stopped: () => boolean): Promise<void> {
		while (!stopped()) await this.#one(turns[this.#turn++ % turns.length] ?? 'poll');
		this.#south?.close();
		this.#north?.close();
	}

	/** Creates a job for each of the given devices. A refused one is asked for again: wfx refuses some when busy. */
	async create(next: () => number | undefined): Promise<void> {
		for (let device = next(); device !== undefined; device = next()) {
			const request = createRequest(`device-${device}`);
			for (let tries = 0; tries < mostTries && (await this.#send('create', request)) === undefined; tries++);
		}
		this.#north?.close();
	}

	/** Asks for the workflows until `stopped`. */
	async read(stopped: () => boolean): Promise<void> {
		while (!stopped()) await this.#send('workflows', workflowsRequest);
		this.#south?.close();
	}

	/** The same over a new connection each time; with `resume` it counts as a failure where a session is not resumed. */
	async connect(stopped: () => boolean, resume: boolean): Promise<void> {
		for (let first = true; !stopped(); first = false) {
			await this.#send('connect', workflowsRequest);
			this.#leave(resume, first);
		}
	}

	#leave(resume: boolean, first: boolean): void {
		const connection = this.#south;
		this.#south = undefined;
		if (connection === undefined) return;
		if (resume && !first && !connection.resumed) this.outcomes.failed('connect', 'the session was not resumed');
		// A resumed connection need not bring a new one.
		if (resume) this.#session = connection.session ?? this.#session;
		connection.close();
	}

	async #one(kind: Kind): Promise<void> {
		if (kind === 'workflows') await this.#send(kind, workflowsRequest);
		else if (kind === 'poll') {
			// A stride that meets every device, far from the last one asked for.
			this.#device = (this.#device + 7919) % this.#plan.devices;
			await this.#send(kind, pollRequest(`device-${this.#device}`));
		} else if (kind === 'advance' && this.#jobs.length > 0) await this.#advance();
		else await this.#create();
	}

	async #create(): Promise<void> {
		const clientId = `${this.#plan.name}-${this.#created++}`;
		const body = await this.#send('create', createRequest(clientId));
		const id = body && idOfCreated(body);
		if (id !== undefined) this.#jobs.push({ id, clientId, reported: 0 });
	}

	/** The next report of the oldest of its jobs; after its last one the job is let go. */
	async #advance(): Promise<void> {
		const job = this.#jobs.shift();
		const state = job && reports[job.reported];
		if (job === undefined || state === undefined) return;
		const done = await this.#send('advance', advanceRequest(job.id, job.clientId, state));
		if (done !== undefined) job.reported++;
		if (job.reported < reports.length) this.#jobs.push(job);
	}

	/** @returns the body of a successful answer */
	async #send(kind: Kind, request: string): Promise<Buffer | undefined> {
		const began = performance.now();
		try {
			const connection = kind === 'create' ? await this.#northbound() : await this.#southbound();
			const { status, body } = await connection.send(request);
			if (status === success[kind]) {
				this.outcomes.done(kind, performance.now() - began);
				return body;
			}
			this.outcomes.failed(kind, `${status} ${body.toString('latin1', 0, 200).trim()}`);
		} catch (error) {
			this.outcomes.failed(kind, error instanceof Error ? error.message : String(error));
			// A server that does not answer is not asked in a busy loop.
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
		return undefined;
	}

	async #southbound(): Promise<Connection> {
		if (this.#south === undefined || this.#south.broken) this.#south = await open(this.#plan.south, this.#session);
		return this.#south;
	}

	async #northbound(): Promise<Connection> {
		if (this.#north === undefined || this.#north.broken) this.#north = await open(this.#plan.north);
		return this.#north;
	}
}
