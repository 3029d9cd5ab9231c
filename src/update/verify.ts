// Checks a .swu before it goes to devices: the signature over sw-description, then every member's hash against it. It
// leaves out the device (hardware, space, handlers), and changes nothing.

import {
	descriptionName,
	type ReadMember,
	type ReadOptions,
	type ReadUpdate,
	readUpdate,
	signatureName,
} from './read.ts';
import { artifactsOf, memberFindings } from './rules/check.ts';
import type { Keys, SignatureKind, SignerFacts, Trust } from './signer.ts';

export interface VerifiedUpdate {
	readonly ok: boolean;
	/** What is wrong, one sentence each; empty where `ok`. */
	readonly findings: readonly string[];
	readonly version: string;
	readonly signature: SignatureKind | 'none';
	readonly signers: readonly SignerFacts[];
	readonly members: readonly ReadMember[];
	/** Artifacts whose member has the SHA-256 that the signed description names. */
	readonly artifacts: number;
}

/** @throws CaissonError update-malformed, file-unusable, key-unusable */
export async function verifyUpdate(
	file: string,
	keys: Keys,
	trust: Trust,
	options: ReadOptions = {},
): Promise<VerifiedUpdate> {
	const update = await readUpdate(file, options);
	const signature = await judgeSignature(update, keys, trust);
	const payloads = update.members.filter(({ name }) => name !== descriptionName && name !== signatureName);
	const findings = [...signature.findings, ...memberFindings(update.description, payloads)];
	return {
		ok: findings.length === 0,
		findings,
		version: update.description.version,
		signature: signature.kind,
		signers: signature.signers,
		members: update.members,
		artifacts: artifactsOf(update.description).filter(({ artifact }) => artifact.filename !== undefined).length,
	};
}

async function judgeSignature(
	update: ReadUpdate,
	keys: Keys,
	trust: Trust,
): Promise<{ findings: string[]; kind: SignatureKind | 'none'; signers: readonly SignerFacts[] }> {
	if (update.signature === undefined) {
		const finding = `The update is not signed: its second member is not ${signatureName}.`;
		return { findings: [finding], kind: 'none', signers: [] };
	}
	const verdict = await keys.verify(update.signature, update.descriptionBytes, trust);
	const { kind, signers } = verdict;
	if (verdict.valid) return { findings: [], kind, signers };
	return { findings: [`The signature is not valid: ${verdict.reason}.`], kind, signers };
}
