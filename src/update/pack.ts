// Packs a .swu: reads a specification and its files, writes sw-description, its signature and the payloads, in the order
// that SWUpdate wants. Same inputs, same bytes (with a reproducible signer). It leaves out what is allowed in a
// specification (rules/) and where the key comes from (the signer is passed in).

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CaissonError } from '../errors.ts';
import { type CpioFormat, maximumSize } from '../format/cpio/header.ts';
import { writeSwDescription } from '../format/sw-description/description.ts';
import { writeArchive } from './archive.ts';
import { imageFacts, proveRdiff, proveZchunk } from './delta/prove.ts';
import { type AesKey, encryptFile } from './encryption.ts';
import { namingFile } from './naming-file.ts';
import { writeWhole } from './output-file.ts';
import { compressFile, copyPayload, examine, type Payload } from './payload.ts';
import { descriptionName, signatureName } from './read.ts';
import { describe, type PlannedMember, planMembers } from './rules/plan.ts';
import type { ResultFacts } from './rules/readback.ts';
import { parseUpdateSpecification, type UpdateSpecification } from './rules/specification.ts';
import type { SignatureKind, Signer, SignerFacts } from './signer.ts';

export interface PackRequest {
	/** What to pack: a YAML or JSON file, a value like what such a file holds, or a specification that was read already. */
	readonly specification:
		| { readonly file: string }
		| { readonly value: object }
		| { readonly parsed: UpdateSpecification };
	/** What sources are relative to; by default the folder of the specification's file, else the working directory. */
	readonly baseDirectory?: string;
	/** Absent for a .swu that is signed later (sign.ts). */
	readonly signer?: Signer;
	/** Encrypts what the specification says is to be encrypted. */
	readonly encryption?: AesKey;
	/** The .swu; replaced where it exists. */
	readonly output: string;
	/** crc by default, which lets SWUpdate find a damaged transfer member by member. */
	readonly cpio?: CpioFormat;
	readonly signal?: AbortSignal;
	/** Called often while big files are read; `total` is undefined where it is not known yet. */
	readonly progress?: (state: PackProgress) => void;
}

export interface PackProgress {
	readonly step: 'reading' | 'compressing' | 'verifying' | 'encrypting' | 'writing';
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
	readonly signature: SignatureKind | 'none';
	readonly signers: readonly SignerFacts[];
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
		const signature = await request.signer?.sign(descriptionBytes);
		const archived = [...payloads.values()].map((payload) => archivePayload(payload, request));
		const written = await writeWhole(output, (file) =>
			writeArchive(file, request.cpio ?? 'crc', descriptionBytes, signature, archived),
		);
		return {
			output,
			...written,
			version: specification.version,
			members: [
				factsOf(descriptionName, descriptionBytes),
				...(signature === undefined ? [] : [factsOf(signatureName, signature)]),
				...planned.map(({ name }) => {
					const { size, sha256 } = (payloads.get(name) as Payload).facts;
					return { name, size, sha256 };
				}),
			],
			signature: request.signer?.kind ?? 'none',
			signers: request.signer?.signers ?? [],
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
	return namingFile(from.file, () => parseUpdateSpecification(text));
}

async function plainPayload(
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

async function prepare(
	member: PlannedMember,
	local: (name: string) => string,
	request: PackRequest,
	scratch: Scratch,
): Promise<Payload> {
	const { encryption: key } = request;
	if (member.encrypt === true && key === undefined) {
		throw new CaissonError(
			'update-specification-invalid',
			`${member.where}: is to be encrypted, and no key is given: pass --aes-key FILE.`,
		);
	}
	const plain = await plainPayload(member, local, request, scratch);
	if (member.encrypt !== true || key === undefined) return plain;
	const vector = key.vectorFor(plain.facts.sha256);
	const encrypted = await scratch.newFile();
	request.progress?.({ step: 'encrypting', member: member.name, bytes: 0, total: plain.facts.size });
	await encryptFile(plain.file, encrypted, key, vector, request.signal);
	const { compressed: _, ...encryptedMember } = member;
	const { facts, ...rest } = await examine(encryptedMember, encrypted, { signal: request.signal });
	const encryption = { ivt: Buffer.from(vector).toString('hex'), plainSize: plain.facts.size };
	return { ...rest, member, facts: { ...plain.facts, ...facts, encryption } };
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

/** The payload as the archive takes it, with progress. */
function archivePayload(
	payload: Payload,
	{ progress, signal }: PackRequest,
): Parameters<typeof writeArchive>[4][number] {
	const { name } = payload.member;
	const { size: total } = payload.facts;
	return {
		name,
		size: total,
		checksum: payload.checksum,
		async copy(write) {
			let bytes = 0;
			await copyPayload(
				payload,
				async (part) => {
					await write(part);
					bytes += part.length;
					progress?.({ step: 'writing', member: name, bytes, total });
				},
				signal,
			);
		},
	};
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
