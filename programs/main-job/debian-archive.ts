// Fetches a package straight from a Debian mirror over HTTP, for machines without a working apt: InRelease names the
// index by SHA-256, the index names the package by SHA-256 (https://wiki.debian.org/DebianRepository/Format). Where gpgv
// and Debian's keys are there, InRelease's signature is checked too; where not, that is said. It leaves out dependencies.

import { createHash } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CaissonError } from '../../src/errors.ts';
import { runProgram } from '../../src/outside/processes.ts';

export interface ArchivePackage {
	readonly name: string;
	readonly folder: string;
	readonly suite: string;
	readonly mirror: string;
	readonly signal: AbortSignal;
	/** Debian's keys; default: those of the package debian-archive-keyring. */
	readonly keyring?: string;
}

const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Bytes: main's index is about 13 MB compressed, 60 MB expanded. */
const limits = { release: 4 << 20, index: 128 << 20, expanded: 512 << 20, package: 256 << 20 } as const;

/**
 * @param why apt was not used, for people
 * @throws CaissonError package-unavailable; the signal's reason when it aborts
 */
export async function fetchFromArchive(
	wanted: ArchivePackage,
	why: string,
): Promise<{ file: string; checked: string }> {
	const base = `${wanted.mirror}/dists/${wanted.suite}`;
	const inRelease = join(wanted.folder, 'InRelease');
	await writeFile(inRelease, await download(`${base}/InRelease`, limits.release, wanted.signal));
	const release = await readRelease(inRelease, wanted.keyring ?? debianKeyring, wanted.signal);
	const index = `main/binary-${debianArchitecture()}/Packages.gz`;
	const digest = digestOf(release.text, index);
	if (digest === undefined) throw unavailable(`${base}/InRelease does not list ${index}.`);
	const packed = await download(`${base}/${index}`, limits.index, wanted.signal);
	expectDigest(packed, digest, `${base}/${index}`);
	const stanza = stanzaOf(gunzipSync(packed, { maxOutputLength: limits.expanded }).toString(), wanted.name);
	if (stanza === undefined) throw unavailable(`${wanted.suite} has no package ${wanted.name}.`);
	const path = field(stanza, 'Filename');
	const expected = field(stanza, 'SHA256');
	if (path === undefined || expected === undefined) throw unavailable(`The index of ${wanted.suite} is incomplete.`);
	const url = `${wanted.mirror}/${path}`;
	const bytes = await download(url, limits.package, wanted.signal);
	expectDigest(bytes, expected, url);
	const file = join(wanted.folder, `${wanted.name}.deb`);
	await writeFile(file, bytes);
	return { file, checked: `over HTTP, as ${why}; the SHA-256 of index and package fit InRelease, ${release.checked}` };
}

/** The signed text of InRelease: what gpgv vouches for where it can, never what stands around it. */
async function readRelease(
	file: string,
	keyring: string,
	signal: AbortSignal,
): Promise<{ text: string; checked: string }> {
	const output = `${file}.signed`;
	if (await readable(keyring)) {
		const gpgv = await runProgram('gpgv', ['--keyring', keyring, '--output', output, file], { signal });
		if (!gpgv.missing && gpgv.code !== 0) throw unavailable(`InRelease is not signed by Debian: ${gpgv.output.trim()}`);
		if (!gpgv.missing) return { text: await readFile(output, 'utf8'), checked: 'whose signature gpgv checked' };
	}
	const text = await readFile(file, 'utf8');
	return { text, checked: 'whose signature was not checked: gpgv and debian-archive-keyring are not both installed' };
}

/** The digest that InRelease's SHA256 list has for a file. */
function digestOf(release: string, path: string): string | undefined {
	const list = /^SHA256:\n((?: .*\n?)+)/m.exec(release)?.[1] ?? '';
	for (const line of list.split('\n')) {
		const [digest, , name] = line.trim().split(/\s+/);
		if (name === path) return digest;
	}
	return undefined;
}

/** The paragraph of one package, the last (highest) where there are several. */
function stanzaOf(index: string, name: string): string | undefined {
	const start = index.startsWith(`Package: ${name}\n`) ? 0 : index.lastIndexOf(`\nPackage: ${name}\n`) + 1;
	if (start === 0 && !index.startsWith(`Package: ${name}\n`)) return undefined;
	const end = index.indexOf('\n\n', start);
	return index.slice(start, end < 0 ? undefined : end);
}

function field(stanza: string, name: string): string | undefined {
	return new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1];
}

function expectDigest(bytes: Uint8Array, expected: string, what: string): void {
	const found = createHash('sha256').update(bytes).digest('hex');
	if (found !== expected) throw unavailable(`${what} has the SHA-256 ${found}, its index says ${expected}.`);
}

async function download(url: string, limit: number, signal: AbortSignal): Promise<Buffer> {
	const answer = await fetch(url, { signal }).catch((cause: Error) => {
		if (signal.aborted) throw signal.reason;
		throw unavailable(`${url}: ${(cause.cause as Error | undefined)?.message ?? cause.message}`);
	});
	if (!answer.ok || answer.body === null) throw unavailable(`${url}: HTTP ${answer.status}`);
	const parts: Uint8Array[] = [];
	let size = 0;
	for await (const part of answer.body) {
		size += part.length;
		if (size > limit) throw unavailable(`${url} is larger than ${limit} bytes.`);
		parts.push(part);
	}
	return Buffer.concat(parts);
}

function debianArchitecture(): string {
	return process.arch === 'x64' ? 'amd64' : process.arch;
}

function readable(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}

function unavailable(message: string): CaissonError {
	return new CaissonError('package-unavailable', message);
}
