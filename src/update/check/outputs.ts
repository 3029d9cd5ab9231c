// Finds what each payload gives on the device: reads, expands and applies them, as far as that needs no network and no key.
// It leaves out what that means for the verdict (rules/preflight-install.ts).

import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import type { ViewedArtifact } from '../../format/sw-description/device-view.ts';
import { readHeader } from '../../format/zchunk/header.ts';
import type { DeviceProfile } from '../rules/device-profile.ts';
import type { ToInstall } from '../rules/preflight-description.ts';
import type { OutputFacts } from '../rules/preflight-facts.ts';
import { placeOf } from '../rules/preflight-install.ts';
import type { ReadArchive } from './archive.ts';
import { expandedOutput, type PayloadBytes } from './expand.ts';
import { HashingOutput } from './hashing-output.ts';
import { rdiffOutput } from './rdiff-delta.ts';

const partLength = 1 << 20;
/** A delta that expands to more is not applied here. */
const largestDelta = 4 * 2 ** 30;
/** A zchunk header of an image of several hundred gigabytes; SWUpdate itself has no limit. */
const maximumHeader = 256 << 20;

/**
 * @param localFile turns a file name of the profile into a path
 * @throws CaissonError file-unusable where a file of the profile cannot be read
 */
export async function findOutputs(
	file: string,
	archive: ReadArchive,
	install: ToInstall,
	profile: DeviceProfile,
	localFile: (name: string) => string,
): Promise<Map<string, OutputFacts>> {
	const outputs = new Map<string, OutputFacts>();
	await using handle = await open(file, 'r');
	for (const artifact of [...install.images, ...install.scripts]) {
		const index = archive.members.findLastIndex(({ name }) => name === artifact.filename);
		const member = archive.members[index];
		const offset = archive.offsets[index];
		if (member === undefined || offset === undefined || !member.complete) continue;
		const payload = payloadAt(handle, offset, member.size);
		outputs.set(artifact.where, await outputOf(artifact, payload, install, profile, localFile));
	}
	return outputs;
}

async function outputOf(
	artifact: ViewedArtifact,
	payload: PayloadBytes,
	install: ToInstall,
	profile: DeviceProfile,
	localFile: (name: string) => string,
): Promise<OutputFacts> {
	if (artifact.encrypted) return { unknown: 'what its payload gives, because it is encrypted' };
	if (artifact.compressed === 'xz') return { unknown: 'what its payload gives: xz is not expanded here' };
	const lengths = lengthsFor(artifact, install, profile);
	const { compressed, type, properties } = artifact;
	if (type === 'lua' && artifact.kind === 'script') return luaOutput(payload);
	if (type === 'delta') {
		return compressed === '' ? deltaOutput(payload) : { unknown: 'what its payload gives: the header is compressed' };
	}
	if (type === 'rdiff_image' || type === 'rdiff_file') {
		const base = type === 'rdiff_image' ? (properties.get('rdiffbase')?.[0] ?? '') : artifact.path;
		const target = profile.targets.get(base);
		const content = target?.content === undefined ? undefined : localFile(target.content);
		const apply = (delta: PayloadBytes) => readable(content, () => rdiffOutput(delta, content, target?.size, lengths));
		return compressed === '' ? apply(payload) : expandedDelta(compressed, payload, apply);
	}
	if (type === 'archive' || type === 'tar') {
		const start = await payload.read(0, 512);
		if (compressed === '' && !looksLikeArchive(start)) return { fault: 'Unrecognized archive format' };
	}
	if (compressed !== '') return expandedOutput(compressed, payload, lengths);
	const output = new HashingOutput(lengths);
	for await (const part of payload.from(0)) output.write(part);
	return { size: output.size, sha256: output.sha256() };
}

/** A compressed delta is expanded into a temporary file first. One that ends early gives less, as it does on the device. */
async function expandedDelta(
	compression: 'zlib' | 'zstd',
	payload: PayloadBytes,
	apply: (delta: PayloadBytes) => Promise<OutputFacts>,
): Promise<OutputFacts> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-check-'));
	try {
		await using handle = await open(join(folder, 'delta'), 'w+');
		let size = 0;
		const expanded = await expandedOutput(compression, payload, [], (bytes) => {
			if (size <= largestDelta) writeSync(handle.fd, bytes);
			size += bytes.length;
		});
		if (expanded.fault !== undefined) return { fault: expanded.fault };
		if (size > largestDelta) return { unknown: `what its delta gives: it expands to more than ${largestDelta} bytes` };
		return await apply(payloadAt(handle, 0, size));
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/** The lengths whose hash a readback or the profile asks for. */
function lengthsFor(artifact: ViewedArtifact, install: ToInstall, profile: DeviceProfile): number[] {
	const place = placeOf(artifact);
	if (place === undefined) return [];
	const readbacks = install.scripts
		.filter(({ type, device }) => type === 'readback' && device === place)
		.map(({ properties }) => Number.parseInt(properties.get('size')?.[0] ?? '', 10) || 0);
	return [...readbacks, profile.targets.get(place)?.becomes?.size ?? 0].filter((length) => length > 0);
}

/** The header's own checksum, as libzck looks at it when SWUpdate opens it. */
async function deltaOutput(payload: PayloadBytes): Promise<OutputFacts> {
	try {
		const header = readHeader(await payload.read(0, Math.min(payload.size, maximumHeader)), { sha256 });
		return { size: header.length, unknown: 'whether the chunks of its header make the image that is meant' };
	} catch (error) {
		if (!(error instanceof CaissonError)) throw error;
		const reason = error.message.replace(/\.$/, '');
		return { size: 0, falseSuccess: `Unable to read ZCK header: ${reason}; SWUpdate goes on and nothing is installed` };
	}
}

/** A shell script is no Lua: its first line is a comment to Lua, and a second line of it rarely parses. */
async function luaOutput(payload: PayloadBytes): Promise<OutputFacts> {
	const start = new TextDecoder('latin1').decode(await payload.read(0, 128));
	if (/^#!.*\b(sh|bash|dash|python3?|perl)\b/.test(start)) {
		return {
			fault: `ERROR loading the script: it starts with ${JSON.stringify(start.split('\n')[0])}, and its handler is lua`,
		};
	}
	return { size: payload.size };
}

const archiveMarks: readonly (readonly number[])[] = [
	[0x1f, 0x8b], // gzip
	[0x42, 0x5a, 0x68], // bzip2
	[0xfd, 0x37, 0x7a, 0x58, 0x5a], // xz
	[0x28, 0xb5, 0x2f, 0xfd], // zstd
	[0x04, 0x22, 0x4d, 0x18], // lz4
	[0x50, 0x4b, 0x03, 0x04], // zip
	[0x30, 0x37, 0x30, 0x37, 0x30], // cpio, text
	[0xc7, 0x71], // cpio, binary
];

/** What libarchive takes: tar, cpio, zip, and what it expands itself. */
function looksLikeArchive(start: Uint8Array): boolean {
	if (archiveMarks.some((mark) => mark.every((byte, index) => start[index] === byte))) return true;
	if (start.length < 512) return false;
	if (start.every((byte) => byte === 0)) return true;
	// The checksum of a tar header, its own field taken as spaces (IEEE 1003.1, ustar).
	const stored = Number.parseInt(new TextDecoder().decode(start.subarray(148, 156)), 8);
	return stored === start.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 32 : byte), 0);
}

function payloadAt(handle: FileHandle, offset: number, size: number): PayloadBytes {
	const read = async (start: number, length: number) => {
		const buffer = new Uint8Array(Math.max(0, Math.min(length, size - start)));
		const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset + start);
		return buffer.subarray(0, bytesRead);
	};
	return {
		size,
		read,
		async *from(start) {
			for (let at = start; at < size; ) {
				const part = await read(at, partLength);
				if (part.length === 0) return;
				yield part;
				at += part.length;
			}
		},
	};
}

/** What the targets hold now, for those that a readback or the profile asks for: SHA-256 by "PATH N". */
export async function findContents(
	install: ToInstall,
	profile: DeviceProfile,
	localFile: (name: string) => string,
): Promise<Map<string, string>> {
	const contents = new Map<string, string>();
	for (const [path, target] of profile.targets) {
		if (target.sha256 !== undefined && target.size !== undefined) contents.set(`${path} ${target.size}`, target.sha256);
		const lengths = install.scripts
			.filter(({ type, device }) => type === 'readback' && device === path)
			.map(({ properties }) => Number.parseInt(properties.get('size')?.[0] ?? '', 10) || 0);
		const wanted = [...lengths, target.becomes?.size ?? 0].filter((length) => length > 0);
		const { content } = target;
		if (content === undefined || wanted.length === 0) continue;
		const output = new HashingOutput(wanted);
		await readable(localFile(content), async () => {
			await using handle = await open(localFile(content), 'r');
			const { size } = await handle.stat();
			for await (const part of payloadAt(handle, 0, size).from(0)) output.write(part);
		});
		for (const [length, hash] of output.sha256()) contents.set(`${path} ${length}`, hash);
	}
	return contents;
}

async function readable<Result>(file: string | undefined, read: () => Promise<Result>): Promise<Result> {
	try {
		return await read();
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		if (cause instanceof CaissonError || code === undefined || file === undefined) throw cause;
		throw new CaissonError('file-unusable', `${file}, which the profile names, cannot be read (${code}).`, { cause });
	}
}

function sha256(bytes: Uint8Array): Uint8Array {
	return createHash('sha256').update(bytes).digest();
}
