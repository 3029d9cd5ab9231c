// The stages of the pre-flight check that need only sw-description and the device: what is read, whether handlers and
// hashes are there, versions, hardware. In the order and with the words of SWUpdate's core/parser.c (parse). It leaves out
// everything that needs members.

import { type DeviceView, type ViewedArtifact, viewDescription } from '../../format/sw-description/device-view.ts';
import type { DeviceProfile } from './device-profile.ts';
import type { PreflightFacts } from './preflight-facts.ts';
import { debianHandlers, type HandlerUse, unknownHandler } from './preflight-handlers.ts';
import { hardwareMatches } from './preflight-hardware.ts';
import { compareVersions } from './preflight-versions.ts';

/** What differs between releases of SWUpdate, as far as it was tried: with 2024.12.1 and 2026.05.1. */
export interface ReleaseBehaviour {
	readonly losesGroupReferences: boolean;
	readonly compressions: readonly string[];
	/** A member with a path for a name ends the update; before, it is passed over or put where it says. */
	readonly refusesPathNames: boolean;
	/** The release was compared with the real program. */
	readonly tried: boolean;
}

export function behaviourOf(release: string): ReleaseBehaviour {
	const later = release >= '2025.12';
	return {
		losesGroupReferences: !later,
		compressions: later ? ['zlib', 'zstd', 'xz'] : ['zlib', 'zstd'],
		refusesPathNames: later,
		tried: release === '2024.12' || release === '2026.05',
	};
}

/** What the device would install, without what it has already. */
export interface ToInstall {
	readonly view: DeviceView;
	readonly images: readonly ViewedArtifact[];
	readonly scripts: readonly ViewedArtifact[];
	/** Artifacts that are left out, and why. */
	readonly skipped: readonly string[];
}

/** parser/parser.c: parse_cfg, parse_json. */
export function readForDevice(
	description: PreflightFacts['description'],
	profile: DeviceProfile,
): ToInstall | { readonly fault: string } {
	if ('fault' in description) return description;
	const { losesGroupReferences, compressions } = behaviourOf(profile.release);
	const view = viewDescription(description.root, {
		board: profile.hardware?.board ?? '',
		softwareSet: profile.selection?.softwareSet ?? '',
		mode: profile.selection?.mode ?? '',
		json: description.json,
		losesGroupReferences,
		compressions,
	});
	if ('fault' in view) return view;
	const skipped: string[] = [];
	const wanted = (artifact: ViewedArtifact) => {
		const reason = skipReason(artifact, profile.installedVersions);
		if (reason !== undefined) skipped.push(`${artifact.where}: ${reason}`);
		return reason === undefined;
	};
	const images = view.images.filter(wanted);
	const scripts = view.scripts.filter(wanted);
	if (images.length + scripts.length + view.bootenv.length === 0) return { fault: 'Found nothing to install' };
	return { view, images, scripts, skipped };
}

/** parser/parser.c: is_image_installed, is_image_higher. */
function skipReason(artifact: ViewedArtifact, installedVersions: ReadonlyMap<string, string>): string | undefined {
	const { name, version } = artifact;
	const installed = installedVersions.get(name);
	if (name === '' || version === '' || installed === undefined) return undefined;
	const order = compareVersions(version, installed);
	if (artifact.installIfDifferent && order === 0) return `${name} ${version} is installed already`;
	if (artifact.installIfHigher && order <= 0) return `${name} ${installed} is installed, ${version} is not higher`;
	return undefined;
}

/** core/parser.c: check_handler_list. Scripts come first there, then images, then partitions. */
export function handlerFault({ images, scripts, view }: ToInstall, profile: DeviceProfile): string | undefined {
	const lists: readonly (readonly [readonly ViewedArtifact[], HandlerUse, string])[] = [
		[scripts, 'script', 'scripts'],
		[images.filter(({ kind }) => kind !== 'partition'), 'artifact', 'images / files'],
		[images.filter(({ kind }) => kind === 'partition'), 'partition', 'partitions'],
	];
	for (const [list, use, words] of lists) {
		for (const { type, filename } of list) {
			if (!profile.handlers.has(type)) {
				return `feature '${type}' required for '${filename}' in sw-description is absent!`;
			}
			if (!(debianHandlers.get(type) ?? unknownHandler).uses.includes(use)) {
				return `feature '${type}' is not allowed for '${words}' in sw-description is absent!`;
			}
		}
	}
	if (view.bootenv.length > 0 && !profile.handlers.has('uboot') && !profile.handlers.has('bootenv')) {
		return 'bootloader support absent but sw-description has bootloader section!';
	}
	return undefined;
}

/** core/parser.c: check_missing_hash, in builds for signed images. */
export function hashFault({ images, scripts }: ToInstall): string | undefined {
	const without = [...images, ...scripts].find(
		({ type, sha256 }) => sha256 === '' && !(debianHandlers.get(type) ?? unknownHandler).noData,
	);
	return without === undefined ? undefined : `Hash not set for ${without.filename} Type ${without.type}`;
}

/** core/parser.c: parse, after the handlers. */
export function versionFault(version: string, profile: DeviceProfile): string | undefined {
	const { noDowngrading, noReinstalling, maximumVersion } = profile;
	if (noDowngrading !== undefined && compareVersions(version, noDowngrading) < 0) {
		return `No downgrading allowed: new version ${version} < installed ${noDowngrading}`;
	}
	if (maximumVersion !== undefined && compareVersions(version, maximumVersion) > 0) {
		return `Max version set: new version ${version} > max allowed ${maximumVersion}`;
	}
	if (version === noReinstalling) {
		return `No reinstalling allowed: new version ${version} == installed ${noReinstalling}`;
	}
	return undefined;
}

/** core/hw-compatibility.c: check_hw_compatibility. 'unknown': an expression that is not judged here. */
export function hardwareFault({ view }: ToInstall, profile: DeviceProfile): string | 'unknown' | undefined {
	const message = 'SW not compatible with hardware';
	if (profile.hardware === undefined) return `${message}: the device does not know its revision`;
	const matches = hardwareMatches(profile.hardware.revision, view.hardwareCompatibility);
	if (matches === undefined) return 'unknown';
	const wanted = view.hardwareCompatibility.join(', ') || 'nothing';
	return matches ? undefined : `${message}: the device is ${profile.hardware.revision}, the update is for ${wanted}`;
}
