// How the names of roles and targets become files, and those of targets URLs, so that no name can leave its place: names
// are text that others chose, not paths. It leaves out the URLs of metadata (rules/metadata/file-names.ts) and which names
// are trusted.

import { createHash } from 'node:crypto';
import { Refused } from '../rules/client/refusal.ts';
import { hashedTargetName } from '../rules/metadata/file-names.ts';

/**
 * Path of a target below the target URL, encoded part by part: a `?` or `%` in a name is part of the name. With a
 * hash (consistent snapshots, clause 6.2) it stands before the last part: `folder/HASH.name`.
 */
export function targetPath(name: string, hash?: string): string {
	const path = hash === undefined ? name : hashedTargetName(name, hash);
	return path.split('/').map(encodeURIComponent).join('/');
}

/**
 * Name of the file in which a role's metadata is kept. Two roles never share one: encodeURIComponent is reversible, and
 * none of its results begins with `%` and a letter that is no hex digit.
 */
export function roleFile(role: string): string {
	const name = encodeURIComponent(role);
	return name.length <= 200 ? `${name}.json` : `%x${createHash('sha256').update(role).digest('hex')}.json`;
}

/** The folder for downloads that are not complete; no target may lie in it, also where case does not count. */
export const partialFolder = '.caisson-partial';

/**
 * The parts of a target's name where it can be a file below a folder on every file system that devices have.
 * @throws Refused wrong-target for absolute names, `..`, empty parts, control characters and overlong parts
 */
export function targetFileParts(name: string): readonly string[] {
	const parts = name.split('/');
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	const unfit = parts.some((part) => part === '' || part === '.' || part === '..' || /[\u0000-\u001f\\]/.test(part));
	const overlong = parts.some((part) => Buffer.byteLength(part) > 255);
	if (unfit || overlong || parts[0]?.toLowerCase() === partialFolder) {
		const detail = `the target name ${JSON.stringify(name.slice(0, 100))} cannot be the name of a file`;
		throw new Refused({ code: 'wrong-target', target: name, detail });
	}
	return parts;
}
