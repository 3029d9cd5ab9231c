// A case of the pre-flight check as data: what is in the .swu, how it was spoiled, what the device is like, and what is
// expected. It reads the files in testdata/update/check/cases; it leaves out building and running.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export interface VerdictCase {
	/** Unique among all files; a file name could be made of it. */
	readonly name: string;
	/** What it shows, one sentence. */
	readonly shows: string;
	/** Settings in the group "software", beside version, hardware-compatibility and switched-off markers. @NAME@ is a hash. */
	readonly body?: string;
	/** The whole sw-description instead. */
	readonly text?: string;
	/** Member to recipe, in the order of the archive. */
	readonly members?: Readonly<Record<string, string>>;
	/** The order of all members, where it is not the usual one; names may be left out or there twice. */
	readonly order?: readonly string[];
	readonly cpio?: 'crc' | 'newc';
	/** Key and certificate: testdata/update/keys or check/keys; null for no signature. */
	readonly signer?: string | null;
	readonly changes?: readonly Change[];
	/** The profile, over the usual one (usual-profile.yaml), key by key. */
	readonly profile?: Readonly<Record<string, unknown>>;
	/** Files of the device before the update: path to recipe. */
	readonly device?: Readonly<Record<string, string>>;
	/** What the device must hold after the update that it is told to be: path to recipe. */
	readonly installs?: Readonly<Record<string, string>>;
	/** Variables of the boot loader after the update. */
	readonly environment?: Readonly<Record<string, string>>;
	readonly expect: { readonly verdict: 'installs' | 'refused' | 'false success'; readonly stage?: string };
	/** The check cannot tell: it says that the case installs, and names this among what it did not check. */
	readonly notPredicted?: string;
	/** Releases of SWUpdate that decide otherwise: version to verdict and stage. */
	readonly versions?: Readonly<Record<string, VerdictCase['expect']>>;
}

/** What happens to the archive after it was signed. */
export type Change =
	/** Replaces the first text in sw-description by the second. */
	| { readonly description: readonly [string, string] }
	/** Changes one byte of a member without telling its checksum. */
	| { readonly flip: string; readonly at: number }
	/** Changes one byte of a member; its checksum fits. */
	| { readonly spoil: string; readonly at: number }
	/** Replaces a field of the header of a member. */
	| { readonly header: string; readonly field: 'magic' | 'checksum' | 'size' | 'namesize'; readonly value: string }
	/** Cuts bytes off the end of the archive. */
	| { readonly cut: number }
	/** Leaves out the mark of the end. */
	| { readonly without: 'end mark' }
	/** Bytes after the end. */
	| { readonly append: string };

const folder = new URL('../../testdata/update/check/', import.meta.url);

/** All cases, in the order of the files' names. @throws Error where two have one name */
export function readCases(): VerdictCase[] {
	const cases = readdirSync(new URL('cases/', folder))
		.filter((name) => name.endsWith('.yaml'))
		.sort()
		.flatMap((name) => parse(readFileSync(new URL(`cases/${name}`, folder), 'utf8'), { merge: true }) as VerdictCase[]);
	const names = new Set<string>();
	for (const { name } of cases) {
		if (names.has(name)) throw new Error(`two cases are called ${name}`);
		names.add(name);
	}
	return cases;
}

/** The profile of the case as YAML text (JSON is YAML): the usual one, with the case's keys over it. */
export function profileOf(each: VerdictCase): Record<string, unknown> {
	const usual = parse(readFileSync(new URL('usual-profile.yaml', folder), 'utf8')) as Record<string, unknown>;
	// A key that the case sets to null is left out.
	return Object.fromEntries(Object.entries({ ...usual, ...each.profile }).filter(([, value]) => value !== null));
}

/** The PEM files of a signer: key and certificate. */
export function signerFiles(name: string): { readonly keyFile: string; readonly certificateFile: string } {
	const own = ['expired', 'future'].includes(name);
	const base = new URL(own ? 'keys/' : '../keys/', folder);
	return {
		keyFile: fileURLToPath(new URL(`${name}.key.pem`, base)),
		certificateFile: fileURLToPath(new URL(`${name}.cert.pem`, base)),
	};
}

export const caseFolder: string = fileURLToPath(folder);

/** What is expected of a release of SWUpdate ('2024.12'). */
export function expectationOf(each: VerdictCase, release: string): VerdictCase['expect'] {
	return each.versions?.[release] ?? each.expect;
}

/** The release in the version of a Debian package: 2024.12.1+dfsg-3 is 2024.12. */
export function releaseOf(packageVersion: string): string {
	return packageVersion.slice(0, 7);
}
