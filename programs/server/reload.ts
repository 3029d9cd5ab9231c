// Changing the configuration of a server that runs: which options took effect, which wait for the next start, and
// noticing that files changed. A configuration with a fault changes nothing. It leaves out reading it
// (configuration.ts) and what each option does.

import { unwatchFile, watchFile } from 'node:fs';
import type { Configuration } from './configuration.ts';
import { type OptionName, type OptionValues, options } from './options.ts';

export interface OptionChange {
	readonly name: OptionName;
	readonly before: unknown;
	readonly after: unknown;
	readonly origin: string;
	/** False: it takes effect at the next start. */
	readonly live: boolean;
}

/** The options in effect: read them when they are needed, not once. */
export interface LiveOptions {
	readonly current: OptionValues;
	/** Puts the live options of `next` into effect. @returns what differs from what is in effect */
	replace(next: Configuration): OptionChange[];
}

export function liveOptions(initial: Configuration): LiveOptions {
	let current = initial.values;
	return {
		get current() {
			return current;
		},
		replace(next) {
			const changes: OptionChange[] = [];
			const merged: Record<string, unknown> = { ...current };
			for (const name of Object.keys(options) as OptionName[]) {
				const before = current[name];
				const after = next.values[name];
				if (JSON.stringify(before) === JSON.stringify(after)) continue;
				const { live } = options[name];
				changes.push({ name, before, after, origin: next.origin(name), live });
				if (live) merged[name] = after;
			}
			current = merged as unknown as OptionValues;
			return changes;
		},
	};
}

/**
 * Calls `changed` after any of the files appeared, vanished or changed, at most once an `interval` (ms). The files are
 * looked at, not subscribed to: that also sees what a symbolic link points to now and works on every file system.
 * @returns a function that ends it
 */
export function watchFiles(files: readonly string[], changed: () => void, interval = 1000): () => void {
	const listener = (now: { mtimeMs: number; ino: number; size: number }, before: typeof now) => {
		if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino || now.size !== before.size) changed();
	};
	for (const file of files) watchFile(file, { interval, persistent: false }, listener);
	return () => {
		for (const file of files) unwatchFile(file, listener);
	};
}
