// Packs a .swu: reads a specification and its files, writes sw-description, its signature and the payloads, in the order
// that SWUpdate wants. Same inputs, same bytes (with a reproducible signer). It leaves out what is allowed in a
// specification (rules/) and where the key comes from (the signer is passed in).

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CaissonError } from '../errors.ts';
import { ByteSum, type CpioFormat, encodeHeader, encodeTrailer, maximumSize, padding } from '../format/cpio/header.ts';
import { writeSwDescription } from '../format/sw-description/description.ts';
import { imageFacts, proveRdiff, proveZchunk } from './delta/prove.ts';
import { type OutputFile, writeWhole } from './output-file.ts';
import { compressFile, copyPayload, examine, type Payload } from './payload.ts';
import { describe, type PlannedMember, planMembers } from './rules/plan.ts';
import type { ResultFacts } from './rules/readback.ts';
import { parseUpdateSpecification, type UpdateSpecification } from './rules/specification.ts';
import type { CertificateFacts, Signer } from './signer.ts';

export interface PackRequest {
	/** What to pack: a YAML or JSON file, a value like what such a file holds, or a specification that was read already. */
	readonly specification:
		| { readonly file: string }
		| { readonly value: object }
		| { readonly parsed: UpdateSpecification };
	/** What sources are relative to; by default the folder of the specification's file, else the working directory. */
	readonly baseDirectory?: string;
	readonly signer: Signer;
	/** The .swu; replaced where it exists. */
	readonly output: string;
	/** crc by default, which lets SWUpdate find a damaged transfer member by member. */
	readonly cpio?: CpioFormat;
	readonly signal?: AbortSignal;
	/** Called often while big files are read; `total` is undefined where it is not known yet. */
	readonly progress?: (state: PackProgress) => void;
}

export interface PackProgress {
	readonly step: 'reading' | 'compressing' | 'verifying' | 'writing';
	readonly member: string;
	readonly bytes: number;
	readonly total?: number;
}

export interface PackedMember {
	readonly name: string;
	readonly size: number;
	readonly sha256: string;
}

export interface PackedUpdate {
	readonly output: string;
	readonly size: number;
	readonly sha256: string;
	readonly version: string;
	/** All members in the order of the archive, sw-description and its signature first. */
	readonly members: readonly PackedMember[];
	readonly signer: CertificateFacts;
	/** The sw-description as it was signed. */
	readonly description: string;
}

/**
 * Packs and signs. When it returns, the file is complete and durable; when it throws, there is no new file.
 * @throws CaissonError update-specification-invalid, delta-wrong, zchunk-malformed, tool-missing, file-unusable,
 * key-unusable; the signal's reason when it aborts
 */
export async function packUpdate(request: PackRequest): Promise<PackedUpdate> {
	const specification = await readSpecification(request.specification);
	const base = request.baseDirectory ?? ('file' in request.specification ? dirname(request.specification.file) : '.');
	const output = resolve(request.output);
	const planned = planMembers(specification);
	const scratch = new Scratch(dirname(output));
	try {
		const payloads = new Map<string, Payload>();
		for (const member of planned)
			payloads.set(member.name, await prepare(member, (name) => resolve(base, name), request, scratch));
		const description = writeSwDescription(describe(specification, (name) => (payloads.get(name) as Payload).facts));
		const descriptionBytes = new TextEncoder().encode(description);
		const signature = await request.signer.sign(descriptionBytes);
		const written = await writeWhole(output, (file) =>
			writeArchive(file, descriptionBytes, signature, [...payloads.values()], request),
		);
		return {
			output,
			...written,
			version: specification.version,
			members: [
				factsOf('sw-description', descriptionBytes),
				factsOf('sw-description.sig', signature),
				...planned.map(({ name }) => {
					const { size, sha256 } = (payloads.get(name) as Payload).facts;
					return { name, size, sha256 };
				}),
			],
			signer: request.signer.certificate,
			description,
		};
	} finally {
		await scratch.remove();
	}
}

async function readSpecification(from: PackRequest['specification']): Promise<UpdateSpecification> {
	if ('parsed' in from) return from.parsed;
	if ('value' in from) return parseUpdateSpecification(JSON.stringify(from.value));
	let text: string;
	try {
		text = await readFile(from.file, 'utf8');
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${from.file} cannot be read (${reason}).`, { cause });
	}
	return parseUpdateSpecification(text);
}

async function prepare(
	member: PlannedMember,
	local: (name: string) => string,
	request: PackRequest,
	scratch: Scratch,
): Promise<Payload> {
	const { delta } = member;
	const report = (step: PackProgress['step']) => (bytes: number, total?: number) =>
		request.progress?.({ step, member: member.name, bytes, ...(total === undefined ? {} : { total }) });
	const proof = { resolve: local, signal: request.signal, progress: report('verifying') };
	if (delta?.type === 'delta') {
		const header = await scratch.newFile();
		const result = await proveZchunk({ ...member, delta }, local(member.source), header, proof);
		return withResult(await examine(member, header, { signal: request.signal }), result);
	}
	const payload = await compressedOrNot(member, local(member.source), request, scratch, report);
	if (delta !== undefined) {
		return withResult(payload, await proveRdiff({ ...member, delta }, payload.file, payload.facts.sha256, proof));
	}
	if (member.readback !== true) return payload;
	return withResult(payload, await imageFacts(payload.file, member.compress ?? member.compressed, proof));
}

function withResult(payload: Payload, result: ResultFacts | undefined): Payload {
	return result === undefined ? payload : { ...payload, facts: { ...payload.facts, result } };
}

async function compressedOrNot(
	member: PlannedMember,
	file: string,
	{ signal }: PackRequest,
	scratch: Scratch,
	report: (step: PackProgress['step']) => (bytes: number) => void,
): Promise<Payload> {
	if (member.compress === undefined) {
		await checkSize(member, file);
		return await examine(member, file, { signal, read: report('reading') });
	}
	const compressed = await scratch.newFile();
	const expandedSize = await compressFile(file, compressed, member.compress, { signal, read: report('compressing') });
	return await examine(member, compressed, { signal, expandedSize });
}

/** A member that the format cannot hold is refused before its gigabytes are read. */
async function checkSize(member: PlannedMember, file: string): Promise<void> {
	const size = await stat(file).then(
		(found) => found.size,
		() => 0, // reading it gives the reason
	);
	if (size > maximumSize) {
		throw new CaissonError(
			'update-specification-invalid',
			`${member.where}: ${member.source} has ${size} bytes; a .swu (cpio) holds at most ${maximumSize} a member. ` +
				'compress may bring it below.',
		);
	}
}

/** @returns size and SHA-256 of the archive */
async function writeArchive(
	file: OutputFile,
	description: Uint8Array,
	signature: Uint8Array,
	payloads: readonly Payload[],
	request: PackRequest,
): Promise<{ size: number; sha256: string }> {
	const format = request.cpio ?? 'crc';
	const hash = createHash('sha256');
	const write = async (bytes: Uint8Array) => {
		hash.update(bytes);
		await file.write(bytes);
	};
	const small = async (name: string, inode: number, bytes: Uint8Array) => {
		const sum = new ByteSum();
		sum.update(bytes);
		await write(encodeHeader(format, { name, size: bytes.length, checksum: sum.value, inode }));
		await write(bytes);
		await write(padding(bytes.length));
	};
	await small('sw-description', 1, description);
	await small('sw-description.sig', 2, signature);
	for (const [index, payload] of payloads.entries()) {
		const { name } = payload.member;
		const total = payload.facts.size;
		await write(encodeHeader(format, { name, size: total, checksum: payload.checksum, inode: index + 3 }));
		const start = file.length;
		await copyPayload(
			payload,
			async (bytes) => {
				await write(bytes);
				request.progress?.({ step: 'writing', member: name, bytes: file.length - start, total });
			},
			request.signal,
		);
		await write(padding(total));
	}
	await write(encodeTrailer(format, file.length));
	return { size: file.length, sha256: hash.digest('hex') };
}

function factsOf(name: string, bytes: Uint8Array): PackedMember {
	return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Temporary files beside the output, where there is room for the result anyway. Made only when needed. */
class Scratch {
	readonly #beside: string;
	#directory: string | undefined;
	#count = 0;
	constructor(beside: string) {
		this.#beside = beside;
	}
	async newFile(): Promise<string> {
		try {
			this.#directory ??= await mkdtemp(join(this.#beside, '.caisson-pack-'));
		} catch (cause) {
			const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
			throw new CaissonError('file-unusable', `${this.#beside} cannot be written (${reason}).`, { cause });
		}
		this.#count++;
		return join(this.#directory, String(this.#count));
	}
	async remove(): Promise<void> {
		if (this.#directory !== undefined) await rm(this.#directory, { recursive: true, force: true });
	}
}
