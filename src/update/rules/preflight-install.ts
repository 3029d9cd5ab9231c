// The stages of the pre-flight check in which handlers run: where they write, whether there is room, what they make of
// their payload, what is read back. Each rule names the handler's source in SWUpdate. Handlers that need hardware (flash,
// UBI, containers, partitions) are not predicted. It leaves out computing what a payload gives (src/update/check).

import { sizeOf, type ViewedArtifact } from '../../format/sw-description/device-view.ts';
import type { ToInstall } from './preflight-description.ts';
import type { OutputFacts, PreflightFacts } from './preflight-facts.ts';

/** What is known of the device while the update runs. */
export interface InstallState {
	/** Results that SWUpdate calls a success although they are not: by target, and why. */
	readonly falseSuccess: Map<string, string>;
	/** What lies at a target now: where it was written, and what. */
	readonly written: Map<string, { readonly offset: number; readonly output: OutputFacts }>;
	readonly notChecked: string[];
	/** Directories that the update itself has made. */
	readonly made: Set<string>;
}

export function newState(): InstallState {
	return { falseSuccess: new Map(), written: new Map(), notChecked: [], made: new Set() };
}

/** Where an artifact is written: a device, or a path; undefined where that is not predicted. */
export function placeOf({ type, device, path, filesystem, properties }: ViewedArtifact): string | undefined {
	const writer = type === 'delta' ? (properties.get('chain')?.[0] ?? '') : type;
	if (writer === 'raw' || writer === 'rdiff_image') return device;
	if (writer === 'rawfile' || writer === 'rdiff_file') return filesystem !== '' && device !== '' ? undefined : path;
	return undefined;
}

/** Runs one handler. @returns why it fails, undefined where it says that it succeeded */
export function installArtifact(
	artifact: ViewedArtifact,
	facts: PreflightFacts,
	state: InstallState,
): string | undefined {
	const { type, where, properties } = artifact;
	if (artifact.hook !== undefined) state.notChecked.push(`${where}: what the function ${artifact.hook} makes of it`);
	switch (type) {
		case 'raw':
			return targetFault(artifact, facts, state) ?? written(artifact, facts, state);
		case 'rawfile':
		case 'archive':
		case 'tar':
			return pathFault(artifact, facts, state) ?? written(artifact, facts, state);
		case 'rdiff_image':
		case 'rdiff_file':
			return rdiffFault(artifact, facts, state) ?? written(artifact, facts, state);
		case 'delta':
			return deltaFault(artifact, facts, state);
		default:
			if (type !== 'dummy') state.notChecked.push(`${where}: what the handler ${type} does`);
			if (artifact.encrypted && !facts.profile.encryptionKey && properties.size === 0)
				return 'no key provided for decryption!';
			return undefined;
	}
}

/** handlers/raw_handler.c, install_raw_image. */
function targetFault(
	{ device, where }: ViewedArtifact,
	facts: PreflightFacts,
	state: InstallState,
): string | undefined {
	if (device === '') return 'Device  cannot be opened: no device is named';
	if (facts.profile.targets.has(device)) return undefined;
	if (facts.profile.targets.size > 0) return `Device ${device} cannot be opened: the profile has no such target`;
	state.notChecked.push(`${where}: whether ${device} is there`);
	return undefined;
}

/** handlers/raw_handler.c, install_raw_file; handlers/archive_handler.c, install_archive_image. */
function pathFault(artifact: ViewedArtifact, facts: PreflightFacts, state: InstallState): string | undefined {
	const { path, type, where, device, filesystem, properties } = artifact;
	if (path === '') return 'Missing path attribute';
	if (type === 'rawfile' && (path.endsWith('/') || facts.profile.directories?.has(path) === true)) {
		return `I cannot open ${path} 21: it is a directory`;
	}
	if (device !== '' && filesystem !== '') {
		if (facts.profile.targets.size > 0 && !facts.profile.targets.has(device)) {
			return `Device ${device} with filesystem ${filesystem} cannot be mounted: the profile has no such target`;
		}
		state.notChecked.push(`${where}: the file system ${filesystem} on ${device}`);
		return undefined;
	}
	const directory = type === 'rawfile' ? parentOf(path) : trimmed(path);
	if (isTrue(properties.get('create-destination')?.[0])) {
		for (let made = directory; made !== '/'; made = parentOf(made)) state.made.add(made);
	} else {
		const { directories } = facts.profile;
		if (directories === undefined) state.notChecked.push(`${where}: whether the directory ${directory} is there`);
		else if (!directories.has(directory) && !state.made.has(directory)) {
			return type === 'rawfile'
				? `I cannot open ${path} 2: there is no ${directory}`
				: `Fault: chdir not possible: there is no ${directory}`;
		}
	}
	return spaceFault(artifact, facts, state, directory);
}

/**
 * core/util.c, img_check_free_space: the size in the archive or the property decompressed-size, against what is free.
 * What is really written counts as well: the file system is full then.
 */
function spaceFault(
	artifact: ViewedArtifact,
	facts: PreflightFacts,
	state: InstallState,
	directory: string,
): string | undefined {
	let mount = directory;
	while (mount !== '/' && !facts.profile.fileSystems.has(mount)) mount = parentOf(mount);
	const free = facts.profile.fileSystems.get(mount)?.free;
	if (free === undefined) {
		state.notChecked.push(`${artifact.where}: whether ${directory} has room`);
		return undefined;
	}
	const told = artifact.properties.get(artifact.compressed !== '' ? 'decompressed-size' : 'decrypted-size')?.[0];
	const output = facts.outputs.get(artifact.where);
	const needed = Math.max((told === undefined ? undefined : sizeOf(told)) ?? 0, output?.size ?? 0);
	if (needed <= free) return undefined;
	return `Not enough free space to extract ${artifact.filename} (needed ${needed}, got ${free})`;
}

/** handlers/rdiff_handler.c, apply_rdiff_patch. */
function rdiffFault(artifact: ViewedArtifact, facts: PreflightFacts, state: InstallState): string | undefined {
	const { type, device, path, offset, properties, where } = artifact;
	if (type === 'rdiff_file') return path === '' ? 'Missing path attribute' : undefined;
	if (offset !== 0) return "Option 'seek' is not supported for rdiff.";
	const base = properties.get('rdiffbase')?.[0];
	if (base === undefined) return "Property 'rdiffbase' is missing in sw-description.";
	const { targets } = facts.profile;
	if (device === '') return ' cannot be opened for writing: no device is named';
	if (targets.size > 0 && !targets.has(base))
		return `${base} cannot be opened for reading: the profile has no such target`;
	if (targets.size === 0) state.notChecked.push(`${where}: whether ${base} is there`);
	if (base === device) return `${base} is base and target: it is emptied before it is read`;
	return undefined;
}

/** handlers/delta_handler.c, install_delta. A header that it cannot read ends it with "success". */
function deltaFault(artifact: ViewedArtifact, facts: PreflightFacts, state: InstallState): string | undefined {
	const { properties, installedDirectly, where } = artifact;
	if (installedDirectly) return 'Do not set installed-directly with delta, the header cannot be streamed';
	const [url, source, chain] = ['url', 'source', 'chain'].map((name) => properties.get(name)?.[0]);
	if (url === undefined || source === undefined || chain === undefined || chain === 'delta') {
		return `Wrong Attributes in sw-description: url=${url} source=${source}, handler=${chain}`;
	}
	const { targets, handlers } = facts.profile;
	if (targets.size > 0 && !targets.has(source)) return `Unable to open Source : ${source} for reading`;
	if (!handlers.has(chain)) return `the handler ${chain}, which writes what the delta gives, is absent`;
	const output = facts.outputs.get(where);
	const place = placeOf(artifact);
	if (output?.falseSuccess === undefined) {
		const fault =
			chain === 'raw'
				? targetFault(artifact, facts, state)
				: chain === 'rawfile'
					? pathFault(artifact, facts, state)
					: undefined;
		if (fault !== undefined) return fault;
		state.notChecked.push(`${where}: whether ${url} can be reached and answers as SWUpdate needs it`);
	}
	if (place === undefined) state.notChecked.push(`${where}: what the handler ${chain} does with the image`);
	return written(artifact, facts, state);
}

/** What the handler made of its payload, and whether it fits its target. */
function written(artifact: ViewedArtifact, facts: PreflightFacts, state: InstallState): string | undefined {
	const { where, encrypted, offset } = artifact;
	if (encrypted && !facts.profile.encryptionKey) return 'no key provided for decryption!';
	const output = facts.outputs.get(where) ?? { unknown: 'what its payload gives' };
	if (output.fault !== undefined) return output.fault;
	// Each handler looks at its own artifact's hash; before, only that of the last artifact with this member was.
	const member = facts.archive.members.findLast(({ name }) => name === artifact.filename);
	if (artifact.sha256 !== '' && member !== undefined && member.sha256 !== artifact.sha256) return 'HASH mismatch';
	if (output.unknown !== undefined) state.notChecked.push(`${where}: ${output.unknown}`);
	const place = placeOf(artifact);
	const size = place === undefined ? undefined : facts.profile.targets.get(place)?.size;
	if (size !== undefined && output.size !== undefined && offset + output.size > size) {
		return `cannot write: No space left on device (${place} has ${size} bytes, the image ends at ${offset + output.size})`;
	}
	if (output.falseSuccess !== undefined) state.falseSuccess.set(place ?? where, `${where}: ${output.falseSuccess}`);
	if (place !== undefined) state.written.set(place, { offset, output });
	return undefined;
}

/** core/installer.c, extract_scripts, and the scripts before the images. */
export function beforeFault(
	{ images, scripts }: ToInstall,
	facts: PreflightFacts,
	state: InstallState,
): string | undefined {
	// A member that an image needs is given to the image only (core/stream_interface.c, extract_files).
	const names = new Set(facts.archive.members.map(({ name }) => name));
	for (const { filename } of images) names.delete(filename);
	for (const { filename } of scripts) {
		if (filename !== '' && !names.has(filename)) return `Required script ${filename} not found in image`;
	}
	for (const script of scripts) {
		const fault = facts.outputs.get(script.where)?.fault;
		if (fault !== undefined) return fault;
		if (script.type === 'readback' || script.type === 'dummy') continue;
		state.notChecked.push(`${script.where}: what the script ${script.filename || script.type} does`);
	}
	return undefined;
}

/** The scripts after the images: handlers/readback_handler.c, readback_postinst. */
export function afterFault({ scripts }: ToInstall, facts: PreflightFacts, state: InstallState): string | undefined {
	for (const script of scripts) {
		if (script.type !== 'readback') continue;
		const fault = readbackFault(script, facts, state);
		if (fault !== undefined) return fault;
	}
	return undefined;
}

function readbackFault(script: ViewedArtifact, facts: PreflightFacts, state: InstallState): string | undefined {
	const { device, properties, where } = script;
	const sha256 = properties.get('sha256')?.[0]?.toLowerCase();
	if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256) || /^0+$/.test(sha256)) return 'Invalid hash';
	const size = Number.parseInt(properties.get('size')?.[0] ?? '', 10) || 0;
	const offset = Number.parseInt(properties.get('offset')?.[0] ?? '', 10) || 0;
	const latest = state.written.get(device);
	if (latest === undefined && facts.profile.targets.size > 0 && !facts.profile.targets.has(device)) {
		return `Failed to open ${device}: the profile has no such target`;
	}
	const untouched = latest === undefined || latest.output.size === 0;
	const found = untouched
		? offset === 0
			? facts.contents.get(`${device} ${size}`)
			: undefined
		: latest.offset === offset
			? latest.output.sha256?.get(size)
			: undefined;
	if (found === undefined && latest?.output.falseSuccess !== undefined) {
		return `Readback verification failed: ${latest.output.falseSuccess}`;
	}
	if (found === undefined) {
		state.notChecked.push(`${where}: what ${device} holds when it is read back`);
		return undefined;
	}
	if (found !== sha256) return `Readback verification failed: ${device} holds ${found}, wanted is ${sha256}`;
	state.falseSuccess.delete(device);
	return undefined;
}

/** What a target should hold according to the profile and does not: SWUpdate itself does not look. */
export function compareWithWanted(facts: PreflightFacts, state: InstallState): void {
	for (const [path, { becomes }] of facts.profile.targets) {
		const latest = state.written.get(path);
		if (becomes === undefined || state.falseSuccess.has(path)) continue;
		const found =
			latest === undefined ? facts.contents.get(`${path} ${becomes.size}`) : latest.output.sha256?.get(becomes.size);
		if (found === undefined) state.notChecked.push(`whether ${path} holds what the profile wants`);
		else if (found !== becomes.sha256)
			state.falseSuccess.set(path, `${path} would hold ${found}; the profile wants ${becomes.sha256}`);
	}
}

function parentOf(path: string): string {
	const end = trimmed(path).lastIndexOf('/');
	return end <= 0 ? '/' : path.slice(0, end);
}

function trimmed(path: string): string {
	return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** core/util.c, strtobool. */
function isTrue(value: string | undefined): boolean {
	return value === 'true' || value === 'TRUE';
}
