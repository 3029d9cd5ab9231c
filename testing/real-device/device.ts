// One real device: Debian's own swupdate in a chroot on a writable copy of the prepared root, with mounts and process
// ids of its own, polling a wfx-compatible server. It decides how SWUpdate is configured and started, what a reboot is
// here (kill, let the boot loader flip its variables, start again), and that nothing is left behind. It leaves out what
// the device is told to do, and judging what it did.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BlockDevices, bootCopy, type FileContent, layOut, writeInCopy } from './boot.ts';
import { type DeviceConfiguration, deviceFiles, environmentSize, swupdateParameters } from './configuration.ts';
import { newDeviceFolder, pathInCopy } from './copy.ts';
import type { DeviceRoot } from './root.ts';
import { decodeEnvironment, encodeEnvironment } from './uboot-environment.ts';

export interface DeviceOptions extends DeviceConfiguration {
	readonly root: DeviceRoot;
	/** What it holds at first boot besides its own configuration: path and content. */
	readonly files?: Readonly<Record<string, FileContent>>;
	/** Its disks, at most two. */
	readonly blockDevices?: BlockDevices;
	/** Told each line that SWUpdate writes, as it comes. */
	readonly onLine?: (line: string) => void;
}

/** What the new system did after a reboot: SWUpdate's state TESTING (it came up) or FAILED (it did not). */
export type BootOutcome = 'ok' | 'failed';

export interface Device {
	readonly id: string;
	/** Version of the Debian package. */
	readonly swupdateVersion: string;
	/** Every line that SWUpdate wrote since the device was made, over all its boots. */
	readonly lines: readonly string[];
	/**
	 * The first line that SWUpdate has written or writes that matches.
	 * @throws Error with its last lines after `limit` milliseconds (default 60,000)
	 */
	waitForLine(pattern: RegExp, limit?: number): Promise<string>;
	/** The boot loader's variables as they are stored now. */
	environment(): Promise<Map<string, string>>;
	/**
	 * Kills SWUpdate as a power cut would, does what a boot loader does with `ustate` (1, installed → 2 or 3), starts it
	 * again. @throws Error where nothing was waiting for a reboot
	 */
	reboot(outcome: BootOutcome): Promise<void>;
	/** Bytes of a file in the device; undefined where there is none. */
	readFile(path: string): Promise<Uint8Array | undefined>;
	/** Ends the device and deletes its copy. No process and no mount is left on return. May be called twice. */
	stop(): Promise<void>;
	/** Fulfilled with a reason when SWUpdate ended without being told to. */
	readonly died: Promise<string>;
}

const environmentPath = '/boot/uboot.env';

/** Makes a device and starts it. It polls until it is stopped, or this process ends, however that happens. */
export async function startDevice(options: DeviceOptions): Promise<Device> {
	const folder = await newDeviceFolder();
	try {
		const device = new RunningDevice(options, folder);
		await device.prepare();
		await device.boot();
		return device;
	} catch (error) {
		await rm(folder, { recursive: true, force: true });
		throw error;
	}
}

class RunningDevice implements Device {
	readonly id: string;
	readonly swupdateVersion: string;
	readonly lines: string[] = [];
	readonly died: Promise<string>;
	readonly #options: DeviceOptions;
	readonly #folder: string;
	#child: ChildProcess | undefined;
	#expected = true;
	#reportDeath: (reason: string) => void = () => {};

	constructor(options: DeviceOptions, folder: string) {
		this.id = options.id;
		this.swupdateVersion = options.root.swupdateVersion;
		this.#options = options;
		this.#folder = folder;
		this.died = new Promise((resolve) => {
			this.#reportDeath = resolve;
		});
	}

	/** Lays out the copy, with the device's own files in it. */
	async prepare(): Promise<void> {
		const files = deviceFiles(this.#options, environmentPath);
		await layOut(this.#folder, [...files, ...Object.entries(this.#options.files ?? {})]);
		if (this.#options.bootloader !== 'none') {
			await this.#saveEnvironment(new Map(Object.entries(this.#options.environment ?? { ustate: '0' })));
		}
	}

	async boot(): Promise<void> {
		const { root, blockDevices = {} } = this.#options;
		const child = bootCopy(root, this.#folder, blockDevices, swupdateParameters(this.#options));
		this.#child = child;
		this.#expected = false;
		for (const stream of [child.stdout, child.stderr]) {
			if (stream === null) continue;
			createInterface({ input: stream }).on('line', (line) => {
				this.lines.push(line);
				this.#options.onLine?.(line);
			});
		}
		child.on('error', (error) => this.#reportDeath(error.message));
		child.on('close', (code, signal) => {
			if (this.#child !== child || this.#expected) return;
			this.#reportDeath(`swupdate ended (${code ?? signal}): ${this.lines.slice(-3).join(' | ')}`);
		});
	}

	async waitForLine(pattern: RegExp, limit = 60_000): Promise<string> {
		for (const end = Date.now() + limit; Date.now() < end; await sleep(50)) {
			const found = this.lines.find((line) => pattern.test(line));
			if (found !== undefined) return found;
		}
		throw new Error(`device ${this.id} did not write ${pattern}; its last lines:\n${this.lines.slice(-10).join('\n')}`);
	}

	async environment(): Promise<Map<string, string>> {
		const bytes = await this.readFile(environmentPath);
		if (bytes === undefined) throw new Error(`device ${this.id} has no boot loader environment`);
		return decodeEnvironment(bytes);
	}

	async reboot(outcome: BootOutcome): Promise<void> {
		await this.#kill();
		const variables = await this.environment();
		// SWUpdate's update_state_t: 1 installed, 2 testing, 3 failed. A boot loader acts on 1 only.
		if (variables.get('ustate') !== '1') {
			throw new Error(`device ${this.id} has ustate ${variables.get('ustate')}: no update waits for a reboot`);
		}
		variables.set('ustate', outcome === 'ok' ? '2' : '3');
		await this.#saveEnvironment(variables);
		await this.boot();
	}

	async readFile(path: string): Promise<Uint8Array | undefined> {
		const found = await pathInCopy(this.#options.root.path, this.#folder, path);
		return found === undefined ? undefined : readFile(found);
	}

	async stop(): Promise<void> {
		await this.#kill();
		await rm(this.#folder, { recursive: true, force: true });
	}

	async #kill(): Promise<void> {
		const child = this.#child;
		this.#expected = true;
		this.#child = undefined;
		if (child === undefined || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
		// SWUpdate may ignore SIGTERM. The child is unshare, which takes its namespaces along.
		const closed = once(child, 'close');
		child.kill('SIGKILL');
		await closed;
	}

	async #saveEnvironment(variables: ReadonlyMap<string, string>): Promise<void> {
		await writeInCopy(this.#folder, environmentPath, encodeEnvironment(variables, environmentSize));
	}
}
