// Decides what goes into a .swu: from a specification which members in which order, and from facts about the members
// what the sw-description says. It leaves out reading, hashing, compressing and signing, which pack.ts does.

import { CaissonError } from '../../errors.ts';
import { nameFault } from '../../format/cpio/header.ts';
import type { DescribedArtifact, DescribedSection, SwDescription } from '../../format/sw-description/description.ts';
import type { ArtifactToPack, Compression, UpdateSpecification } from './specification.ts';

export interface PlannedMember {
	readonly name: string;
	/** As the specification names it: relative to the specification. */
	readonly source: string;
	readonly compress?: Compression;
	/** Set where the source must already be compressed this way. */
	readonly compressed?: Compression;
	/** Where the specification first asks for it: images[0]. */
	readonly where: string;
}

/** What is known of a member once its bytes have been read. */
export interface MemberFacts {
	/** Bytes in the archive. */
	readonly size: number;
	/** SHA-256 of the bytes in the archive, lower-case hexadecimal. */
	readonly sha256: string;
	/** Bytes after the device has expanded them; set where Caisson compressed the member. */
	readonly expandedSize?: number;
}

/**
 * The members in the order of the specification. Two artifacts may share a member (the same image for two copies): then
 * it is packed once.
 * @throws CaissonError update-specification-invalid where one name would stand for two contents
 */
export function planMembers(specification: UpdateSpecification): PlannedMember[] {
	const members = new Map<string, PlannedMember>();
	for (const artifact of artifactsOf(specification)) {
		if (artifact.source === undefined) continue;
		const name = memberNameOf(artifact);
		const fault = nameFault(name);
		if (fault !== undefined) {
			throw invalid(
				artifact,
				`the name of ${JSON.stringify(artifact.source)} cannot be a member's: ${fault}. Set filename.`,
			);
		}
		const planned: PlannedMember = {
			name,
			source: artifact.source,
			where: artifact.where,
			...(artifact.compress === undefined
				? artifact.attributes.compressed === undefined
					? {}
					: { compressed: artifact.attributes.compressed as Compression }
				: { compress: artifact.compress }),
		};
		const same = members.get(name);
		if (same === undefined) members.set(name, planned);
		else if (same.source !== planned.source || same.compress !== planned.compress) {
			throw invalid(artifact, `the member ${JSON.stringify(name)} already holds ${same.where}. Set another filename.`);
		}
	}
	return [...members.values()];
}

/**
 * The sw-description. Every artifact carries the SHA-256 of its member, as signed builds of SWUpdate demand. Markers
 * default to what a stock device needs: the transaction marker only where the update changes bootloader variables (an
 * update of plain files must not need a bootloader), the state marker off, because with wfx the server's client
 * (suricatta) keeps that state itself.
 */
export function describe(
	specification: UpdateSpecification,
	factsOf: (memberName: string) => MemberFacts,
): SwDescription {
	const touchesBootloader = specification.sections.some((section) => section.bootenv.length > 0);
	const sections = specification.sections.map((section): DescribedSection => {
		const described = (kind: ArtifactToPack['kind']) =>
			section.artifacts
				.filter((artifact) => artifact.kind === kind)
				.map((artifact) => describeArtifact(artifact, factsOf));
		return {
			path: section.path,
			images: described('images'),
			files: described('files'),
			scripts: described('scripts'),
			bootenv: section.bootenv,
		};
	});
	return {
		version: specification.version,
		...(specification.description === undefined ? {} : { description: specification.description }),
		hardwareCompatibility: specification.hardwareCompatibility,
		settings: {
			bootloader_transaction_marker: specification.transactionMarker ?? touchesBootloader,
			bootloader_state_marker: specification.stateMarker ?? false,
			...(specification.reboot === undefined ? {} : { reboot: specification.reboot }),
		},
		sections,
	};
}

function describeArtifact(artifact: ArtifactToPack, factsOf: (memberName: string) => MemberFacts): DescribedArtifact {
	if (artifact.source === undefined) return { attributes: artifact.attributes, properties: artifact.properties };
	const filename = memberNameOf(artifact);
	const facts = factsOf(filename);
	// SWUpdate checks the free space of a compressed payload only where it is told the size after expansion.
	const properties =
		facts.expandedSize === undefined || artifact.properties['decompressed-size'] !== undefined
			? artifact.properties
			: { ...artifact.properties, 'decompressed-size': String(facts.expandedSize) };
	return { filename, sha256: facts.sha256, attributes: artifact.attributes, properties };
}

/** The member's name: filename, else the last part of source with the ending of its compression. */
function memberNameOf(artifact: ArtifactToPack): string {
	if (artifact.filename !== undefined) return artifact.filename;
	const source = artifact.source as string;
	const ending = artifact.compress === 'zstd' ? '.zst' : artifact.compress === 'zlib' ? '.gz' : '';
	return source.slice(source.lastIndexOf('/') + 1) + ending;
}

function artifactsOf(specification: UpdateSpecification): ArtifactToPack[] {
	return specification.sections.flatMap((section) => section.artifacts);
}

function invalid(artifact: ArtifactToPack, message: string): CaissonError {
	return new CaissonError('update-specification-invalid', `${artifact.where}: ${message}`);
}
