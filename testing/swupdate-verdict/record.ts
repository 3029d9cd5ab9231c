// The verdicts of the real program as golden data: one file a release of Debian. It decides their form; a machine
// without root checks predictions against them, one with root makes them anew and compares.

import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceRoot } from '../real-device/root.ts';
import { buildArchive } from './archive.ts';
import { caseFolder, type VerdictCase } from './case.ts';
import { type RealVerdict, realVerdict } from './device.ts';

export interface Recording {
	/** Version of the Debian package. */
	readonly swupdate: string;
	readonly verdicts: Readonly<Record<string, RealVerdict>>;
}

function fileOf(suite: string): string {
	return join(caseFolder, 'recorded', `${suite}.json`);
}

/** The recording of a suite, undefined where there is none. */
export function readRecording(suite: string): Recording | undefined {
	return existsSync(fileOf(suite)) ? (JSON.parse(readFileSync(fileOf(suite), 'utf8')) as Recording) : undefined;
}

/** Runs the cases on the root, a few at a time: SWUpdate mostly waits. */
export async function runCases(root: DeviceRoot, cases: readonly VerdictCase[]): Promise<Map<string, RealVerdict>> {
	const verdicts = new Map<string, RealVerdict>();
	const waiting = [...cases];
	const worker = async () => {
		for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
			verdicts.set(next.name, await realVerdict(root, next, buildArchive(next)));
		}
	};
	await Promise.all([worker(), worker(), worker()]);
	return verdicts;
}

/** Writes the recording of a suite, in the order of the cases. */
export async function writeRecording(
	root: DeviceRoot,
	cases: readonly VerdictCase[],
	verdicts: ReadonlyMap<string, RealVerdict>,
): Promise<void> {
	const ordered = Object.fromEntries(cases.map(({ name }) => [name, verdicts.get(name)]));
	const text = JSON.stringify({ swupdate: root.swupdateVersion, verdicts: ordered }, undefined, '\t');
	await writeFile(fileOf(root.suite), `${text}\n`);
}

/** What the exit code and the device tell together. */
export function verdictOf(real: RealVerdict): VerdictCase['expect']['verdict'] {
	if (real.exit !== 0) return 'refused';
	return real.right ? 'installs' : 'false success';
}
