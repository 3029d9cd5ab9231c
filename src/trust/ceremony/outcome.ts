// What a ceremony comes to before anything is written: unsigned documents, what is new in them, what was found. It decides
// which files are written, all or none; it leaves out how the plan came about (first.ts, rotation.ts).

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import { checkDocuments, type Findings } from '../rules/ceremony/checks.ts';
import { differencesOf } from '../rules/ceremony/differences.ts';
import type { KeyEntry } from '../rules/ceremony/key-entry.ts';
import { metadataFileName } from '../rules/metadata/file-names.ts';
import { payloadToSign, serializeMetadata, unsigned } from '../rules/metadata/make.ts';
import type { RootSigned, TargetsSigned } from '../rules/metadata/model.ts';
import { makeFolder, namesIn, writeNew } from './files.ts';
import { recordText } from './record.ts';
import type { CeremonyWorld } from './world.ts';

export interface MadeDocument {
	readonly role: string;
	/** `2.root.json` */
	readonly file: string;
	readonly signed: RootSigned | TargetsSigned;
	/** SHA-256 of what every signature is over; stays the same while signatures are added. */
	readonly digest: string;
	readonly differences: readonly string[];
}

export interface Outcome {
	readonly documents: readonly MadeDocument[];
	readonly findings: Findings;
	/** Keys of all roles, for their holders. */
	readonly keys: readonly KeyEntry[];
	/** The root by which the documents are judged: new, or as it stands. */
	readonly root: RootSigned | undefined;
	/** Milliseconds since the epoch. */
	readonly now: number;
}

export interface Made {
	readonly signed: RootSigned | TargetsSigned;
	readonly before?: RootSigned | TargetsSigned;
}

/** @param standing the root as it stands, where the documents hold none */
export function outcomeOf(
	made: ReadonlyMap<string, Made>,
	keys: readonly KeyEntry[],
	world: Pick<CeremonyWorld, 'sha256' | 'now'>,
	standing?: RootSigned,
): Outcome {
	const now = world.now();
	const root = made.get('root')?.signed as RootSigned | undefined;
	const targets = new Map(
		[...made].flatMap(([role, { signed }]) => (signed._type === 'targets' ? [[role, signed] as const] : [])),
	);
	const used = new Set([root?.keys, ...[...targets.values()].map((each) => each.delegations?.keys)].flatMap(idsOf));
	const holders = new Map(keys.map(({ keyid, holder }) => [keyid, holder]));
	const judged = { ...(root && { root }), ...(standing && { standing }), targets };
	const found = checkDocuments(judged, now, (keyid) => holders.get(keyid));
	const idle = keys.filter(({ keyid, label }) => !used.has(keyid) && label !== keyid);
	const warnings = idle.map(({ label }) => `The key ${label} is named, and signs nothing.`);
	const documents = [...made].map(([role, { signed, before }]) => ({
		...{ role, signed, file: metadataFileName(role, signed.version) },
		digest: world.sha256(payloadToSign(signed)),
		differences: differencesOf(before, signed),
	}));
	return {
		documents,
		keys,
		root: root ?? standing,
		now,
		findings: { ...found, warnings: [...found.warnings, ...warnings] },
	};
}

function idsOf(keys: object | undefined): string[] {
	return Object.keys(keys ?? {});
}

/** Where the record of a ceremony is written beside its documents. */
export function recordName({ documents }: Outcome): string {
	const first = documents[0];
	return `record-${first === undefined ? 'ceremony' : first.file.replace(/\.json$/, '')}.txt`;
}

/**
 * Writes the unsigned documents and the record into a folder, which is made where absent; what stands there is not touched.
 * @returns the files, in order
 * @throws CaissonError trust-role-refused where there are faults; file-unusable, and then nothing of it is there
 */
export async function writeOutcome(outcome: Outcome, folder: string): Promise<string[]> {
	const [fault, ...more] = outcome.findings.faults;
	if (fault !== undefined) throw new CaissonError('trust-role-refused', [fault, ...more].join(' '));
	await makeFolder(folder);
	const files: [string, Uint8Array | string][] = [
		...outcome.documents.map(({ file, signed }): [string, Uint8Array] => [file, serializeMetadata(unsigned(signed))]),
		[recordName(outcome), recordText(outcome)],
	];
	const there = new Set(await namesIn(folder, ''));
	const taken = files.find(([name]) => there.has(name));
	if (taken !== undefined) {
		throw new CaissonError('file-unusable', `${join(folder, taken[0])} exists already, and is not overwritten.`);
	}
	const written: string[] = [];
	try {
		for (const [name, content] of files) {
			await writeNew(join(folder, name), content);
			written.push(join(folder, name));
		}
	} catch (error) {
		for (const file of written) await rm(file, { force: true });
		throw error;
	}
	return written;
}
