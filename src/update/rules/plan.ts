// Decides what goes into a .swu: from a specification which members in which order, and from facts about the members
// what the sw-description says. It leaves out reading, hashing, compressing and signing, which pack.ts does.

import { CaissonError } from '../../errors.ts';
import { nameFault } from '../../format/cpio/header.ts';
import type { DescribedArtifact, DescribedSection, SwDescription } from '../../format/sw-description/description.ts';
import { type DeltaType, isDeltaType } from './delta-artifact.ts';
import { type ResultFacts, sectionScripts, wantsReadback } from './readback.ts';
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
	/** Set where the member is not what will lie on the device. */
	readonly delta?: PlannedDelta;
	/** The device will read the result back, so its size and hash must be known. */
	readonly readback?: true;
	/** Encrypt the source while packing, after it was compressed. */
	readonly encrypt?: true;
}

/** What packing must find out of a delta before it believes it. */
export interface PlannedDelta {
	readonly type: DeltaType;
	/** The local file with what must come out. */
	readonly result?: string;
	/** The local file that an rdiff delta was made from. */
	readonly base?: string;
	/** Nothing is found out. */
	readonly unverified?: boolean;
	/** What the handler is told: the requests of a zchunk delta must fit into SWUpdate's. */
	readonly properties: ArtifactToPack['properties'];
}

/** What is known of a member once its bytes have been read. */
export interface MemberFacts {
	/** Bytes in the archive. */
	readonly size: number;
	/** SHA-256 of the bytes in the archive, lower-case hexadecimal. */
	readonly sha256: string;
	/** Bytes after the device has expanded them; set where Caisson compressed the member. */
	readonly expandedSize?: number;
	/** What will lie on the device; known for deltas that were verified, and where readback was asked for. */
	readonly result?: ResultFacts;
	/** Set where Caisson encrypted the member. */
	readonly encryption?: { /** 32 hexadecimal digits. */ readonly ivt: string; readonly plainSize: number };
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
			...plannedDelta(artifact),
			...(wantsReadback(artifact) ? { readback: true } : {}),
			...(artifact.encrypt === true ? { encrypt: true } : {}),
		};
		const same = members.get(name);
		if (same === undefined || sameContent(same, planned)) {
			members.set(name, same?.readback ? { ...same } : { ...planned, where: same?.where ?? planned.where });
		} else {
			throw invalid(artifact, `the member ${JSON.stringify(name)} already holds ${same.where}. Set another filename.`);
		}
	}
	return [...members.values()];
}

function plannedDelta({ attributes, result, base, unverified, properties }: ArtifactToPack): { delta?: PlannedDelta } {
	if (!isDeltaType(attributes.type)) return {};
	return {
		delta: {
			type: attributes.type,
			...(result === undefined ? {} : { result }),
			...(base === undefined ? {} : { base }),
			...(unverified === undefined ? {} : { unverified }),
			properties,
		},
	};
}

/** Whether two artifacts mean the same bytes by a member's name, proven the same way. */
function sameContent(one: PlannedMember, other: PlannedMember): boolean {
	return (
		one.source === other.source &&
		one.compress === other.compress &&
		one.encrypt === other.encrypt &&
		(one.delta?.type === 'delta') === (other.delta?.type === 'delta') &&
		one.delta?.result === other.delta?.result &&
		one.delta?.base === other.delta?.base &&
		one.delta?.unverified === other.delta?.unverified
	);
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
	const scripts = sectionScripts(specification, (artifact) => {
		const { result } = factsOf(memberNameOf(artifact));
		if (result === undefined) throw invalid(artifact, 'the result is not known, so the device cannot read it back.');
		return result;
	});
	const sections = specification.sections.map((section, index): DescribedSection => {
		const described = (artifacts: readonly ArtifactToPack[]) =>
			artifacts.map((artifact) => describeArtifact(artifact, factsOf));
		const ofKind = (kind: ArtifactToPack['kind']) => section.artifacts.filter((artifact) => artifact.kind === kind);
		return {
			path: section.path,
			images: described(ofKind('images')),
			files: described(ofKind('files')),
			scripts: [...(scripts[index]?.readbacks ?? []), ...described(scripts[index]?.scripts ?? [])],
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
	const unverified = artifact.unverified === true ? { [unverifiedProperty]: 'true' } : {};
	// SWUpdate checks the free space of a compressed or encrypted payload only where it is told the size that comes out;
	// of one that is both it reads only decompressed-size (core/util.c, get_output_size). A size of 0 it takes for an error.
	const sizes: Record<string, string> = {};
	if (facts.expandedSize !== undefined) sizes['decompressed-size'] = String(facts.expandedSize);
	else if (facts.encryption !== undefined && artifact.attributes.compressed === undefined) {
		sizes['decrypted-size'] = String(facts.encryption.plainSize);
	}
	const told = Object.entries(sizes).filter(([name, size]) => artifact.properties[name] === undefined && size !== '0');
	const properties = { ...artifact.properties, ...Object.fromEntries(told) };
	const encryption = facts.encryption === undefined ? {} : { encrypted: true, ivt: facts.encryption.ivt };
	return {
		filename,
		sha256: facts.sha256,
		attributes: { ...artifact.attributes, ...encryption },
		properties: { ...properties, ...unverified },
	};
}

/** Marks an artifact whose result nobody knows; SWUpdate passes over properties that its handler does not read. */
export const unverifiedProperty = 'caisson-unverified';

/** The member's name: filename, else the last part of source with the ending of its compression. */
function memberNameOf(artifact: ArtifactToPack): string {
	if (artifact.filename !== undefined) return artifact.filename;
	const source = artifact.source as string;
	const ending = artifact.compress === 'zstd' ? '.zst' : artifact.compress === 'zlib' ? '.gz' : '';
	// Of a whole .zck only the header becomes a member.
	const header = artifact.attributes.type === 'delta' && source.endsWith('.zck') ? 'hdr' : '';
	return source.slice(source.lastIndexOf('/') + 1) + header + ending;
}

function artifactsOf(specification: UpdateSpecification): ArtifactToPack[] {
	return specification.sections.flatMap((section) => section.artifacts);
}

function invalid(artifact: ArtifactToPack, message: string): CaissonError {
	return new CaissonError('update-specification-invalid', `${artifact.where}: ${message}`);
}
