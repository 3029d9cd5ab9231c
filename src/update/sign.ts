// Signs a .swu that exists: checks that its payloads are what its sw-description says, shows that, signs, and writes a copy
// in which the signature is the second member. Payload bytes are copied as they are, headers and all. For a key on a
// machine that gigabytes do not reach, the description alone can be taken out, signed there, and its signature attached.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { CaissonError } from '../errors.ts';
import { readSwDescription } from '../format/sw-description/read.ts';
import { HashedOutput, type WrittenFile } from './archive.ts';
import { type OutputFile, writeWhole } from './output-file.ts';
import { partsOf } from './payload.ts';
import {
	descriptionName,
	type ReadMember,
	type ReadOptions,
	type ReadUpdate,
	readUpdate,
	signatureName,
	UpdateReader,
} from './read.ts';
import { memberFindings } from './rules/check.ts';
import type { Keys, SignatureKind, Signer, SignerFacts, Trust } from './signer.ts';

/** What a signature would vouch for. */
export interface ToSign {
	readonly version: string;
	readonly hardwareCompatibility: readonly string[];
	/** Without an old signature. */
	readonly members: readonly ReadMember[];
	readonly description: { readonly size: number; readonly sha256: string };
	/** Whether there is a signature that is replaced. */
	readonly replaces: boolean;
}

export interface SignedUpdate extends WrittenFile {
	readonly output: string;
	readonly version: string;
	readonly signature: SignatureKind;
	readonly signers: readonly SignerFacts[];
}

/**
 * Reads a .swu for signing.
 * @throws CaissonError update-malformed where it is damaged, or where a payload is not what the description says
 */
export async function examineForSigning(
	file: string,
	options: ReadOptions = {},
): Promise<ReadUpdate & { toSign: ToSign }> {
	const update = await readUpdate(file, options);
	if (update.signature === undefined && update.members.some(({ name }) => name === signatureName)) {
		throw new CaissonError('update-malformed', `${file} has a ${signatureName} that is not its second member.`);
	}
	const payloads = payloadsOf(update);
	const [finding, ...others] = memberFindings(update.description, payloads);
	if (finding !== undefined) {
		const more = others.length === 0 ? '' : ` There are ${others.length} more findings.`;
		throw new CaissonError(
			'update-malformed',
			`${file} is not signed, because it is not what it says: ${finding}${more}`,
		);
	}
	const { version, hardwareCompatibility } = update.description;
	const [description] = update.members as [ReadMember];
	const toSign = {
		version,
		hardwareCompatibility,
		members: [description, ...payloads],
		description: { size: description.size, sha256: description.sha256 },
		replaces: update.signature !== undefined,
	};
	return { ...update, toSign };
}

/**
 * Signs `file` into `output`, which may be the same file. When it returns, the output is complete and durable.
 * @param show told what is going to be signed, before it is
 * @throws CaissonError update-malformed, file-unusable, what the signer throws; the signal's reason when it aborts
 */
export async function signUpdate(
	file: string,
	signer: Signer,
	output: string,
	show: (toSign: ToSign) => void,
	options: ReadOptions = {},
): Promise<SignedUpdate> {
	const update = await examineForSigning(file, options);
	show(update.toSign);
	const signature = await signer.sign(update.descriptionBytes);
	const written = await writeSigned(file, update, signature, output, options.signal);
	return { ...written, version: update.toSign.version, signature: signer.kind, signers: signer.signers };
}

/**
 * Puts a signature that was made elsewhere into a copy of `file`, after it was checked as devices check it.
 * @throws CaissonError signature-invalid; otherwise as signUpdate
 */
export async function attachSignature(
	file: string,
	signature: Uint8Array,
	keys: Keys,
	trust: Trust,
	output: string,
	options: ReadOptions = {},
): Promise<SignedUpdate> {
	const update = await examineForSigning(file, options);
	const verdict = await keys.verify(signature, update.descriptionBytes, trust);
	if (!verdict.valid) {
		throw new CaissonError('signature-invalid', `The signature is not attached to ${file}: ${verdict.reason}.`);
	}
	const written = await writeSigned(file, update, signature, output, options.signal);
	return { ...written, version: update.toSign.version, signature: verdict.kind, signers: verdict.signers };
}

/**
 * Takes the sw-description out of a .swu, for signing elsewhere.
 * @throws CaissonError as examineForSigning
 */
export async function extractDescription(file: string, output: string, options: ReadOptions = {}): Promise<ToSign> {
	const { toSign, descriptionBytes } = await examineForSigning(file, options);
	await writeWhole(resolve(output), (target) => target.write(descriptionBytes));
	return toSign;
}

/**
 * Signs a sw-description that is a file of its own. Nothing is known of payloads.
 * @throws CaissonError update-malformed where it is none
 */
export async function signDescription(
	file: string,
	signer: Signer,
	output: string,
	signal?: AbortSignal,
): Promise<{
	output: string;
	version: string;
	sha256: string;
	signature: SignatureKind;
	signers: readonly SignerFacts[];
}> {
	const content = await readSmall(file, signal);
	const { version } = readSwDescription(new TextDecoder().decode(content));
	const signature = await signer.sign(content);
	await writeWhole(resolve(output), (target) => target.write(signature));
	const sha256 = createHash('sha256').update(content).digest('hex');
	return { output: resolve(output), version, sha256, signature: signer.kind, signers: signer.signers };
}

/** A description or a signature has a few kilobytes. @throws CaissonError update-malformed above a mebibyte, file-unusable */
export async function readSmall(file: string, signal?: AbortSignal): Promise<Uint8Array> {
	for await (const part of partsOf(file, signal)) {
		if (part.length >= 1 << 20) throw new CaissonError('update-malformed', `${file} is larger than a mebibyte.`);
		return part.slice();
	}
	return new Uint8Array();
}

function payloadsOf({ members }: ReadUpdate): ReadMember[] {
	return members.filter(({ name }) => name !== descriptionName && name !== signatureName);
}

/** Copies the source around its signature. What is copied is read anew, and must be what was checked. */
async function writeSigned(
	file: string,
	update: ReadUpdate,
	signature: Uint8Array,
	output: string,
	signal: AbortSignal | undefined,
): Promise<WrittenFile & { output: string }> {
	const [description, second] = update.members as [ReadMember, ReadMember?];
	const insertAt = second?.offset ?? update.end;
	const old = update.signature === undefined ? undefined : second;
	const continueAt = old === undefined ? insertAt : (update.members[2]?.offset ?? update.end);
	const target = resolve(output);
	const written = await writeWhole(target, async (partial: OutputFile) => {
		const hashed = new HashedOutput(partial);
		const again = new UpdateReader();
		let offset = 0;
		const copy = async (part: Uint8Array, from: number, to: number) => {
			const start = Math.max(from - offset, 0);
			const end = Math.min(to - offset, part.length);
			if (start < end) await hashed.write(part.subarray(start, end));
		};
		let inserted = false;
		for await (const part of partsOf(file, signal)) {
			again.push(part);
			await copy(part, 0, insertAt);
			if (!inserted && offset + part.length >= insertAt) {
				await hashed.signature(description.format, signature);
				inserted = true;
			}
			await copy(part, continueAt, update.end);
			offset += part.length;
		}
		if (JSON.stringify(again.end().members) !== JSON.stringify(update.members)) {
			throw new CaissonError('file-unusable', `${file} changed while it was being signed.`);
		}
		return await hashed.end(description.format);
	});
	return { output: target, ...written };
}
