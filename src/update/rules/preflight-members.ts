// The stage of the pre-flight check in which SWUpdate reads the archive to its end: each member in order, needed or not
// (core/stream_interface.c, extract_files; core/installer.c, check_if_required). What is installed directly is installed
// here. It leaves out what handlers do: see preflight-install.ts.

import type { ViewedArtifact } from '../../format/sw-description/device-view.ts';
import { behaviourOf, type ToInstall } from './preflight-description.ts';
import type { MemberFacts, PreflightFacts } from './preflight-facts.ts';
import { type InstallState, installArtifact } from './preflight-install.ts';

export const firstNames = ['sw-description', 'sw-description.sig'] as const;

/** core/stream_interface.c, extract_file_to_tmp: the two first members, before anything is believed. */
export function startFault({ members, fault }: PreflightFacts['archive']): string | undefined {
	for (const [index, name] of firstNames.entries()) {
		const member = members[index];
		if (member === undefined) return fault ?? `the archive ends before ${name}`;
		if (member.name !== name) {
			const place = index === 0 ? 'first' : 'second';
			return `the ${place} member is ${JSON.stringify(member.name)}, not ${name}`;
		}
		if (!member.complete) return `the archive ends within ${name}`;
		if (!member.checksumRight) return `Checksum WRONG ! (of ${name})`;
	}
	return undefined;
}

/** Walks the members. @returns why the update ends here; undefined where all is there */
export function membersFault(facts: PreflightFacts, install: ToInstall, state: InstallState): string | undefined {
	const { refusesPathNames } = behaviourOf(facts.profile.release);
	const rest = facts.archive.members.slice(firstNames.length);
	let temporary = facts.profile.fileSystems.get('/tmp')?.free ?? facts.profile.fileSystems.get('/')?.free;
	for (const member of rest) {
		if (refusesPathNames && (member.name.includes('/') || member.name === '..' || member.name === '.')) {
			return `${member.name} is an invalid filename, aborting`;
		}
		const wanted = requiredBy(member, install);
		const sizeFault = wanted.map((each) => describedSizeFault(each, member)).find((fault) => fault !== undefined);
		if (sizeFault !== undefined) return sizeFault;
		const last = wanted.at(-1);
		if (last === undefined) {
			const fault = passedOverFault(member);
			if (fault !== undefined) return fault;
			continue;
		}
		if (wanted.slice(0, -1).some(({ installedDirectly }) => installedDirectly)) {
			return 'sw-description: stream to several handlers unsupported';
		}
		if (last.installedDirectly && last.kind !== 'script') {
			const fault = member.sha256 === last.sha256 ? installArtifact(last, facts, state) : 'HASH mismatch';
			if (fault !== undefined) return `Error streaming ${last.filename}: ${fault}`;
			continue;
		}
		if (temporary !== undefined && temporary < member.size) {
			return `Not enough free space to extract ${member.name} (needed ${member.size}, got ${temporary})`;
		}
		if (last.sha256 !== '' && member.sha256 !== last.sha256) {
			return `HASH mismatch: ${member.name} has SHA-256 ${member.sha256}, sw-description says ${last.sha256}`;
		}
		const fault = passedOverFault(member);
		if (fault !== undefined) return fault;
		if (temporary !== undefined) temporary -= member.size;
	}
	if (facts.archive.fault !== undefined) return facts.archive.fault;
	const names = new Set(rest.map(({ name }) => name));
	const missing = install.images.find(({ filename }) => filename !== '' && !names.has(filename));
	return missing === undefined ? undefined : `Required image file ${missing.filename} missing...aborting !`;
}

/** Images before scripts: a member that an image needs is not given to a script of the same name. */
function requiredBy(member: MemberFacts, { images, scripts }: ToInstall): readonly ViewedArtifact[] {
	const byImages = images.filter(({ filename }) => filename === member.name);
	return byImages.length > 0 ? byImages : scripts.filter(({ filename }) => filename === member.name);
}

function describedSizeFault({ size }: ViewedArtifact, member: MemberFacts): string | undefined {
	if (size === 0 || size === member.size) return undefined;
	return `Size in sw-description ${size} does not match size in cpio ${member.size}`;
}

function passedOverFault(member: MemberFacts): string | undefined {
	if (!member.checksumRight) return `Checksum WRONG ! (of ${member.name})`;
	return member.complete ? undefined : `the archive ends within ${member.name}`;
}
