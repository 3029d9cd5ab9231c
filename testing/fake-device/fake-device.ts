// A device without hardware and without root: polls a wfx-compatible server, takes jobs of the DAU workflows through
// their states and installs artifacts into a folder, in the order, with the requests and with the messages of SWUpdate's
// wfx module (SWUpdate 2024.12, suricatta/server_wfx.lua; a test compares with recorded requests). Failures come by
// option. It leaves out how an artifact is checked and unpacked (the installer passed in) and SWUpdate's retries of a
// report: a report that could not be sent is sent again at the next poll.

import { setTimeout as sleep } from 'node:timers/promises';
import { readDefinition, terminalState, type UpdateDefinition } from './definition.ts';
import { type Channel, type DeviceJob, type Reply, type Report, WfxClient } from './wfx-client.ts';

/**
 * Checks and installs one artifact while its bytes arrive; fulfilled when all of it is installed.
 * @throws Error whose message says, as SWUpdate's log would, why the artifact was refused
 */
export type Installer = (artifact: AsyncIterable<Uint8Array>, steps: InstallSteps) => Promise<void>;

export interface InstallSteps {
	/** Percent of the file `name` that is installed, the `step`th of `steps` files. */
	installing(step: number, steps: number, name: string, percent: number): Promise<void>;
}

/**
 * What goes wrong: 'download', the artifact cannot be fetched; 'activation', the new system does not come up; 'silence',
 * the device reboots and is never heard of again.
 */
export type Failure = 'download' | 'activation' | 'silence';

export interface FakeDeviceOptions {
	/** Base of the compatible API, southbound, e.g. http://127.0.0.1:8080/api/wfx/v1. */
	readonly server: string;
	readonly id: string;
	readonly installer: Installer;
	/** Milliseconds between two polls; default 1000. */
	readonly pollDelay?: number;
	/** Milliseconds that a reboot takes; default 200. */
	readonly bootTime?: number;
	readonly failure?: Failure;
	/** Told what the device does: one line a call. */
	readonly onLine?: (line: string) => void;
}

export interface FakeDevice {
	readonly id: string;
	/** Ends the device in the middle of whatever it does. Fulfilled when it does nothing any more; never fails. */
	stop(): Promise<void>;
}

/** Starts a device. It polls until it is stopped; no error of the server ends it. */
export function startFakeDevice(options: FakeDeviceOptions): FakeDevice {
	const stopped = new AbortController();
	const device = new PollingDevice(options, stopped.signal);
	const ended = device.run();
	return {
		id: options.id,
		stop: () => {
			stopped.abort();
			return ended;
		},
	};
}

/** SWUpdate's persistent state: what its boot loader variable ustate holds. */
type PersistentState = 'ok' | 'installed' | 'testing' | 'failed';

/** A job ends here: the device reports TERMINATED with this message and log. */
class JobFailure extends Error {
	readonly lines: readonly string[];
	constructor(message: string, lines: readonly string[] = []) {
		super(message);
		this.lines = lines;
	}
}

class PollingDevice {
	readonly #options: FakeDeviceOptions;
	readonly #stopped: AbortSignal;
	#client: WfxClient;
	#job: DeviceJob | undefined;
	#definition: UpdateDefinition | undefined;
	#definitionHash: string | undefined;
	#persistent: PersistentState = 'ok';
	/** Artifacts of the current job that were fetched before their installation, as phased workflows want it. */
	#downloaded: Uint8Array[][] | undefined;

	constructor(options: FakeDeviceOptions, stopped: AbortSignal) {
		this.#options = options;
		this.#stopped = stopped;
		this.#client = new WfxClient(options.server, options.id);
	}

	async run(): Promise<void> {
		try {
			await this.#connect();
			for (;;) {
				await this.#poll().catch((error: unknown) => this.#survive(error));
				await this.#pause();
			}
		} catch (error) {
			// Only the end of the device comes this far.
			if (!this.#stopped.aborted) throw error;
		} finally {
			this.#client.close();
		}
	}

	/** SWUpdate starts only after a description with the fields of a job's status. */
	async #connect(): Promise<void> {
		for (;;) {
			const reply = await this.#client.description(this.#stopped).catch((error: unknown) => this.#survive(error));
			const description = reply?.body as { definitions?: { JobStatus?: { properties?: object } } } | undefined;
			if (reply?.status === 200 && description?.definitions?.JobStatus?.properties !== undefined) return;
			this.#say('The server has no description of its API yet.');
			await this.#pause();
		}
	}

	async #poll(): Promise<void> {
		const current = await this.#currentJob();
		if (current === undefined) return;
		await this.#noteDefinition(current.status.definitionHash);
		await this.#advance(current.status.state);
	}

	async #currentJob(): Promise<DeviceJob | undefined> {
		if (this.#job !== undefined) {
			const reply = await this.#client.job(this.#job.id, this.#stopped);
			const job = reply.body as DeviceJob | undefined;
			if (reply.status === 200 && job !== undefined && !terminalState(job.workflow, job.status.state)) return job;
			this.#job = undefined;
		}
		const reply = await this.#client.openJobs(this.#stopped);
		for (const job of (reply.body as { content?: readonly DeviceJob[] } | undefined)?.content ?? []) {
			const definition = readDefinition(job.definition);
			if (definition === undefined || job.clientId !== this.#options.id) {
				this.#say(`Job ${job.id} has no definition that a device understands; it is passed over.`);
				continue;
			}
			this.#job = job;
			this.#definition = definition;
			this.#definitionHash = job.status.definitionHash;
			this.#downloaded = undefined;
			return job;
		}
		return undefined;
	}

	/** Fetches the definition anew where the server's hash of it has changed; asks until there is one, as SWUpdate does. */
	async #noteDefinition(hash: string | undefined): Promise<void> {
		const changed = hash !== undefined && this.#definitionHash !== undefined && hash !== this.#definitionHash;
		this.#definitionHash = hash ?? this.#definitionHash;
		if (!changed) return;
		this.#say('Job definition changed, getting new version from server...');
		for (;;) {
			const reply = await this.#client.definition(this.#jobId(), this.#stopped);
			const definition = reply.status === 200 ? readDefinition(reply.body) : undefined;
			if (definition !== undefined) {
				this.#definition = definition;
				return;
			}
			await this.#pause();
		}
	}

	/** The next step from `state`, if it is the device's turn. */
	async #advance(state: string): Promise<void> {
		try {
			if (state === 'DOWNLOAD') await this.#download();
			else if (state === 'INSTALL') await this.#install();
			else if (state === 'ACTIVATE') await this.#activate();
			else if (state === 'ACTIVATING') await this.#activating();
			else if (state === 'DOWNLOADING' || state === 'INSTALLING') {
				throw new JobFailure('wfx sync has failed, terminating update.');
			}
		} catch (error) {
			if (!(error instanceof JobFailure)) throw error;
			this.#say(error.message);
			this.#client.closeProgress();
			await this.#report({ state: 'TERMINATED', progress: 100, message: error.message, lines: error.lines });
		}
	}

	async #download(): Promise<void> {
		const state = 'DOWNLOADING';
		await this.#report({ state, progress: 0, message: 'Start DOWNLOAD.' });
		const { artifacts } = this.#given();
		const downloaded: Uint8Array[][] = [];
		for (const [index, artifact] of artifacts.entries()) {
			const number = `${index + 1}/${artifacts.length}`;
			try {
				const parts: Uint8Array[] = [];
				for await (const part of this.#fetch(artifact.uri, state, 'Downloading artifact')) parts.push(part);
				downloaded.push(parts);
			} catch (error) {
				throw this.#failure(`Error downloading artifact ${number}.`, error);
			}
			const progress = Math.floor((100 / artifacts.length) * (index + 1));
			await this.#report({ state, progress, message: `Artifact ${number} download finished.` });
		}
		this.#downloaded = downloaded;
		this.#client.closeProgress();
		await this.#report({ state, progress: 100, message: 'Finished.' });
		await this.#report({ state: 'DOWNLOADED', progress: 100, message: 'Finished.' });
	}

	async #install(): Promise<void> {
		const state = 'INSTALLING';
		const { artifacts } = this.#given();
		const phased = this.#job?.workflow.transitions.some((transition) => transition.from === 'DOWNLOAD') ?? false;
		const kept = this.#downloaded;
		if (phased && kept === undefined) throw new JobFailure(`Artifact 1/${artifacts.length} not downloaded.`);
		await this.#report({ state, progress: 0, message: 'Start INSTALL.' });
		for (const [index, artifact] of artifacts.entries()) {
			const number = `${index + 1}/${artifacts.length}`;
			const source = phased
				? fromMemory(kept?.[index] ?? [])
				: this.#fetch(artifact.uri, state, 'Downloading artifact');
			try {
				await this.#options.installer(source, this.#installSteps());
			} catch (error) {
				throw this.#failure(`Error installing artifact ${number}.`, error);
			}
			const progress = Math.floor((100 / artifacts.length) * (index + 1));
			await this.#report({ state, progress, message: `Artifact ${number} installation finished.` });
		}
		this.#downloaded = undefined;
		this.#client.closeProgress();
		await this.#report({ state, progress: 100, message: 'Finished.' });
		await this.#report({ state: 'INSTALLED', progress: 100, message: 'Finished.' });
	}

	/** Reports a file's progress once per tenth, as SWUpdate does; a lost one is not sent again. */
	#installSteps(): InstallSteps {
		let last = 100;
		return {
			installing: async (step, steps, name, percent) => {
				if (Math.floor(last / 10) === Math.floor(percent / 10)) return;
				last = percent;
				const message = `Installing artifact ${step}/${steps}: '${name}' with 'rawfile' ...`;
				await this.#report({ state: 'INSTALLING', progress: percent, message }, 'progress').catch(this.#lost);
			},
		};
	}

	async #activate(): Promise<void> {
		const state = 'ACTIVATING';
		if (!this.#given().firmware) {
			const message = 'Notifying Progress Client(s) to activate artifact.';
			await this.#report({ state, progress: 100, message });
			await this.#report({ state: 'ACTIVATED', progress: 100, message: 'Finished Update.' });
			return;
		}
		this.#persistent = 'installed';
		await this.#report({ state, progress: 100, message: 'Set persistent state marker to INSTALLED.' });
		await this.#activating();
	}

	/** Before the reboot the device says so at every poll; after it, what came of it. */
	async #activating(): Promise<void> {
		const progress = 100;
		if (this.#persistent === 'installed') {
			const message = 'Update installed. Notifying Progress Client(s) to reboot.';
			await this.#report({ state: 'ACTIVATING', progress, message });
			await this.#reboot();
			return;
		}
		const outcome = this.#persistent;
		this.#persistent = 'ok';
		const id = this.#jobId();
		if (outcome === 'failed') throw new JobFailure(`Update activation FAILED, failing job ${id} ...`);
		const success = `Update activation SUCCESSFUL, finalizing job ${id}.`;
		const message = outcome === 'testing' ? success : 'Persistent state is already set to OK. Finished update.';
		await this.#report({ state: 'ACTIVATED', progress, message });
	}

	async #reboot(): Promise<void> {
		this.#client.close();
		if (this.#options.failure === 'silence') await this.#forever();
		await sleep(this.#options.bootTime ?? 200, undefined, { signal: this.#stopped });
		this.#persistent = this.#options.failure === 'activation' ? 'failed' : 'testing';
		this.#client = new WfxClient(this.#options.server, this.#options.id);
		this.#job = undefined;
		await this.#connect();
	}

	async *#fetch(url: string, state: string, message: string): AsyncGenerator<Uint8Array> {
		if (this.#options.failure === 'download') throw new Error('Channel operation returned HTTP error code 404.');
		const { size, body } = await this.#client.download(url, this.#stopped);
		let last = 0;
		let received = 0;
		for await (const part of body as AsyncIterable<Uint8Array>) {
			received += part.length;
			const progress = size === undefined ? last : Math.floor((100 * received) / size);
			if (Math.floor(progress / 10) !== Math.floor(last / 10)) {
				last = progress;
				await this.#report({ state, progress, message }, 'progress').catch(this.#lost);
			}
			yield part;
		}
	}

	async #report(report: Report, channel: Channel = 'main'): Promise<void> {
		this.#say(`[${String(report.progress).padStart(3)}%] ${report.state}: ${report.message}`);
		const reply: Reply = await this.#client.report(this.#jobId(), report, channel, this.#stopped);
		if (reply.status !== 200) throw new Error(`The server answered ${reply.status} to ${report.state}.`);
		// A report over the connection for progress arrives while a file is installed: too late for another definition.
		const hash = (reply.body as { definitionHash?: string } | undefined)?.definitionHash;
		if (channel === 'main') await this.#noteDefinition(hash);
	}

	#failure(message: string, cause: unknown): JobFailure {
		this.#stopped.throwIfAborted();
		return new JobFailure(message, [`1: ERROR ${cause instanceof Error ? cause.message : cause}`]);
	}

	#given(): UpdateDefinition {
		if (this.#definition === undefined) throw new Error('no job is in hand');
		return this.#definition;
	}

	#jobId(): string {
		if (this.#job === undefined) throw new Error('no job is in hand');
		return this.#job.id;
	}

	readonly #lost = (error: unknown): void => {
		this.#stopped.throwIfAborted();
		this.#say(`A report of progress was lost: ${error}`);
	};

	#survive(error: unknown): undefined {
		this.#stopped.throwIfAborted();
		this.#say(`${error}`);
		return undefined;
	}

	#pause(): Promise<void> {
		return sleep(this.#options.pollDelay ?? 1000, undefined, { signal: this.#stopped });
	}

	#forever(): Promise<never> {
		return new Promise((_, reject) => {
			this.#stopped.addEventListener('abort', () => reject(this.#stopped.reason));
		});
	}

	#say(line: string): void {
		this.#options.onLine?.(line);
	}
}

async function* fromMemory(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
	yield* parts;
}
