// Which readback scripts an update carries: SWUpdate's own check that what lies on the device is what was meant. Its delta
// and rdiff handlers report success for results that are wrong or missing, so they get one by default; other images only
// when asked. It decides where the scripts stand, so that a device of every selection runs those of the artifacts
// that it installs, and no others. It leaves out how the results are found (src/update/delta).
//
// Known of the handler (handlers/readback_handler.c): it reads `size` bytes at `offset` of `device`, which may be a plain
// file; the size is kept in 32 bits; it opens no file system. Scripts run in the order of their list after all images are
// installed, so readbacks come first: a script of the user may mount and change what was installed.

import { CaissonError } from '../../errors.ts';
import type { DescribedArtifact } from '../../format/sw-description/description.ts';
import { isDeltaType } from './delta-artifact.ts';
import type { ArtifactToPack, SectionToPack, UpdateSpecification } from './specification.ts';

/** What must lie on the device after the update. */
export interface ResultFacts {
	readonly size: number;
	/** Lower-case hexadecimal. */
	readonly sha256: string;
}

const largestResult = 0xffff_ffff;

type Checked = Pick<ArtifactToPack, 'attributes' | 'properties' | 'readback' | 'unverified'>;

/** Whether the artifact gets a readback script: as the specification says, else where the handler cannot be believed. */
export function wantsReadback(artifact: Checked): boolean {
	if (artifact.readback !== undefined) return artifact.readback;
	return isDeltaType(artifact.attributes.type) && artifact.unverified !== true;
}

/** Where readback finds the result on the device, or why it cannot find it. */
export function readbackPlace({ attributes, properties }: Checked): { device: string } | { fault: string } {
	const writer = attributes.type === 'delta' ? String(properties.chain) : String(attributes.type);
	switch (writer) {
		case 'raw':
		case 'rdiff_image':
			return { device: String(attributes.device) };
		case 'rawfile':
		case 'rdiff_file':
			if (attributes.filesystem !== undefined) {
				return {
					fault: `cannot look into the file system of ${String(attributes.device)}, which is mounted only while installing`,
				};
			}
			return { device: String(attributes.path) };
		default:
			return { fault: `does not know where the handler ${writer} writes` };
	}
}

/** Why the specification cannot have the readback that it asks for or gets by default. */
export function readbackFault(artifact: Checked): string | undefined {
	if (!wantsReadback(artifact)) return undefined;
	if (artifact.unverified === true) return 'is unverified, so nothing is known that readback could check.';
	if (artifact.attributes.encrypted === true)
		return 'is encrypted already, so nothing is known that readback could check.';
	const place = readbackPlace(artifact);
	if ('fault' in place) {
		return `readback ${place.fault}. With readback: false the device takes the handler’s word for success.`;
	}
	const offset = artifact.attributes.offset;
	if (typeof offset === 'string' && offsetOf(offset) === undefined) {
		return `has the offset ${JSON.stringify(offset)}, which readback cannot be told: write a number of bytes; K, M or G may follow.`;
	}
	return undefined;
}

/** The offset as SWUpdate reads it (core/util.c, ustrtoull), as a number of bytes. */
function offsetOf(text: string): number | undefined {
	const [, digits, unit] = /^(0x[0-9a-fA-F]+|[1-9]\d*|0)([KMG]?)$/.exec(text) ?? [];
	if (digits === undefined) return undefined;
	const factor = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[unit ?? ''] ?? 1;
	const bytes = Number(digits) * factor;
	return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** @throws CaissonError update-specification-invalid where the handler cannot check such a result */
function readbackScript(artifact: ArtifactToPack, result: ResultFacts): DescribedArtifact {
	const place = readbackPlace(artifact);
	if ('fault' in place) throw invalid(artifact, `readback ${place.fault}.`);
	if (result.size === 0 || result.size > largestResult) {
		throw invalid(
			artifact,
			`the result has ${result.size} bytes; readback checks 1 to ${largestResult}. With readback: false the device takes the handler’s word for success.`,
		);
	}
	const offset = artifact.attributes.type === 'rawfile' ? undefined : artifact.attributes.offset;
	// The conditions of the image, so that one that SWUpdate skips is not read back either.
	const conditions = ['name', 'version', 'install-if-different', 'install-if-higher'].flatMap((name) => {
		const value = artifact.attributes[name];
		return value === undefined ? [] : [[name, value] as const];
	});
	return {
		attributes: { type: 'readback', device: place.device, ...Object.fromEntries(conditions) },
		properties: {
			sha256: result.sha256,
			size: String(result.size),
			offset: String(offsetOf(String(offset ?? '0')) ?? 0),
		},
	};
}

/**
 * The readback scripts of each section, in the order of its artifacts, and the user's scripts that must stand behind them.
 * A device takes a list of its selection instead of the general one, list by list; so a selection that needs other
 * readbacks than the general scripts hold gets a list of its own, with the scripts that it would have had.
 * @param resultOf what an artifact with readback leaves on the device
 * @throws CaissonError update-specification-invalid
 */
export function sectionScripts(
	specification: UpdateSpecification,
	resultOf: (artifact: ArtifactToPack) => ResultFacts,
): { readonly readbacks: readonly DescribedArtifact[]; readonly scripts: readonly ArtifactToPack[] }[] {
	const general = specification.sections.find((section) => section.path.length === 0);
	const readbacksOf = (artifacts: readonly ArtifactToPack[]) =>
		artifacts.filter(wantsReadback).map((artifact) => readbackScript(artifact, resultOf(artifact)));
	const generalReadbacks = readbacksOf(general?.artifacts ?? []);
	return specification.sections.map((section) => {
		const own = ofKind(section, 'scripts');
		if (section === general) return { readbacks: generalReadbacks, scripts: own };
		const effective = (['images', 'files'] as const).flatMap((kind) => {
			const listed = ofKind(section, kind);
			return listed.length > 0 ? listed : ofKind(general, kind);
		});
		const readbacks = readbacksOf(effective);
		const same = JSON.stringify(readbacks) === JSON.stringify(generalReadbacks);
		if (own.length === 0 && same) return { readbacks: [], scripts: [] };
		const scripts = own.length > 0 ? own : ofKind(general, 'scripts');
		if (readbacks.length + scripts.length === 0) {
			throw new CaissonError(
				'update-specification-invalid',
				`selections.${section.path.join('.')}: it installs other images than the general list, whose readback its devices would ` +
					'run in vain: give the selection a script of its own, or set readback: false in the general list.',
			);
		}
		return { readbacks, scripts };
	});
}

function ofKind(section: SectionToPack | undefined, kind: ArtifactToPack['kind']): ArtifactToPack[] {
	return section?.artifacts.filter((artifact) => artifact.kind === kind) ?? [];
}

function invalid(artifact: ArtifactToPack, message: string): CaissonError {
	return new CaissonError('update-specification-invalid', `${artifact.where}: ${message}`);
}
