// Fetches a Debian package from the archive, checked against the archive's signature, and unpacks it. It decides which
// way is taken (apt where it works, else the archive's own index) and says which checks were made; it leaves out what is
// done with the files.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError } from '../../src/errors.ts';
import { runProgram } from '../../src/outside/processes.ts';
import { fetchFromArchive } from './debian-archive.ts';

export interface FetchedPackage {
	readonly name: string;
	readonly version: string;
	readonly architecture: string;
	/** The .deb. */
	readonly file: string;
	readonly size: number;
	/** Lower-case hexadecimal. */
	readonly sha256: string;
	/** How it was fetched and what was checked, for people. */
	readonly checked: string;
}

export interface PackageWanted {
	readonly name: string;
	/** Where the .deb goes; emptied first. */
	readonly folder: string;
	/** Suite and mirror to use where apt does not help. */
	readonly suite: string;
	readonly mirror: string;
	readonly signal: AbortSignal;
}

/** @throws CaissonError package-unavailable, tool-missing; the signal's reason when it aborts */
export async function fetchPackage(wanted: PackageWanted): Promise<FetchedPackage> {
	// Debian Policy, 5.6.1: also keeps the name from being an option of apt.
	if (!/^[a-z0-9][a-z0-9+.-]+$/.test(wanted.name)) {
		throw new CaissonError('usage-wrong', `${JSON.stringify(wanted.name)} is not the name of a Debian package.`);
	}
	await rm(wanted.folder, { recursive: true, force: true });
	await mkdir(wanted.folder, { recursive: true });
	const apt = await fetchWithApt(wanted);
	const file = 'file' in apt ? apt.file : undefined;
	const fetched =
		file !== undefined
			? { file, checked: 'by apt, which checked InRelease’s signature, the index and the package’s SHA-256' }
			: await fetchFromArchive(wanted, `apt could not (${'reason' in apt ? apt.reason : ''})`);
	return { ...(await factsOf(fetched.file, wanted.signal)), ...fetched };
}

async function fetchWithApt(wanted: PackageWanted): Promise<{ file: string } | { reason: string }> {
	// As root, apt would fetch as its user _apt, who may not write to our folder, and complain.
	const words = ['-qq', '-o', 'APT::Sandbox::User=root', 'download', wanted.name];
	const apt = await runProgram('apt-get', words, { folder: wanted.folder, signal: wanted.signal });
	if (apt.missing) return { reason: 'there is no apt-get here' };
	const found = (await readdir(wanted.folder)).filter((name) => name.endsWith('.deb'));
	if (apt.code === 0 && found.length === 1) return { file: join(wanted.folder, found[0] as string) };
	const words2 = apt.output.trim().split('\n').at(-1)?.replace(/^E: /, '');
	return { reason: words2 === undefined || words2 === '' ? `exit ${apt.code}` : words2 };
}

async function factsOf(file: string, signal: AbortSignal) {
	const bytes = await readFile(file);
	const control = await dpkgDeb(
		['--show', '--showformat', '$' + '{Package} $' + '{Version} $' + '{Architecture}', file],
		signal,
	);
	const [name = '', version = '', architecture = ''] = control.trim().split(' ');
	const sha256 = createHash('sha256').update(bytes).digest('hex');
	return { name, version, architecture, size: bytes.length, sha256 };
}

export interface PackageFile {
	/** Below the folder that the package was unpacked to, without a slash at the start. */
	readonly path: string;
	readonly size: number;
}

/** Unpacks the package into `folder` and lists its regular files, sorted; links and folders are left out. */
export async function unpackPackage(file: string, folder: string, signal: AbortSignal): Promise<PackageFile[]> {
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	await dpkgDeb(['--extract', file, folder], signal);
	const entries = await readdir(folder, { recursive: true, withFileTypes: true });
	const files: PackageFile[] = [];
	for (const entry of entries) {
		if (!entry.isFile()) continue;
		const place = join(entry.parentPath, entry.name);
		files.push({ path: place.slice(folder.length + 1), size: (await stat(place)).size });
	}
	return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function dpkgDeb(words: readonly string[], signal: AbortSignal): Promise<string> {
	const result = await runProgram('dpkg-deb', words, { signal });
	if (result.missing) {
		throw new CaissonError('tool-missing', 'dpkg-deb, which unpacks Debian packages, is not installed (package dpkg).');
	}
	if (result.code !== 0) {
		throw new CaissonError('package-unavailable', `dpkg-deb cannot read the package: ${result.output.trim()}`);
	}
	return result.output;
}
