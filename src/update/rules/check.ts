// Decides whether the members of a .swu are what its sw-description says. It leaves out the signature and everything that
// depends on a device.

import type { DescribedArtifact, SwDescription } from '../../format/sw-description/description.ts';

export interface MemberRead {
	readonly name: string;
	readonly sha256: string;
	readonly size: number;
}

/**
 * What is wrong, one sentence each; empty where every artifact has its member with the described SHA-256 and every
 * member is described.
 * @param members all but sw-description and its signature
 */
export function memberFindings(description: SwDescription, members: readonly MemberRead[]): string[] {
	const byName = new Map(members.map((member) => [member.name, member]));
	const findings: string[] = [];
	const used = new Set<string>();
	for (const { artifact, where } of artifactsOf(description)) {
		if (artifact.filename === undefined) continue;
		used.add(artifact.filename);
		const finding = artifactFinding(artifact, artifact.filename, byName.get(artifact.filename));
		if (finding !== undefined) findings.push(`${where}: ${finding}`);
	}
	for (const { name } of members) {
		if (!used.has(name))
			findings.push(`The member ${JSON.stringify(name)} is not in the description: nothing vouches for it.`);
	}
	return findings;
}

/** All artifacts with where they stand: stable.copyA.images[0]. */
export function artifactsOf(description: SwDescription): { artifact: DescribedArtifact; where: string }[] {
	return description.sections.flatMap((section) =>
		(['images', 'files', 'scripts'] as const).flatMap((kind) =>
			section[kind].map((artifact, index) => ({ artifact, where: [...section.path, `${kind}[${index}]`].join('.') })),
		),
	);
}

function artifactFinding(
	artifact: DescribedArtifact,
	name: string,
	member: MemberRead | undefined,
): string | undefined {
	const quoted = JSON.stringify(name);
	if (member === undefined) return `the member ${quoted} is missing.`;
	// SWUpdate built for signed images installs nothing where a hash is absent.
	if (artifact.sha256 === undefined) return `${quoted} has no sha256, so the signature does not cover it.`;
	if (artifact.sha256.toLowerCase() !== member.sha256) {
		return `${quoted} has SHA-256 ${member.sha256}; the description says ${artifact.sha256}.`;
	}
	const size = artifact.attributes.size;
	if (size !== undefined && BigInt(member.size) !== toBigInt(size)) {
		return `${quoted} has ${member.size} bytes; the description says ${String(size)}.`;
	}
	return undefined;
}

function toBigInt(value: string | boolean | number | bigint): bigint | undefined {
	return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))
		? BigInt(value)
		: undefined;
}
