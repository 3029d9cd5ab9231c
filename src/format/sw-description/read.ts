// What a sw-description says, from its text: the other direction of description.ts. It takes descriptions that others
// wrote, so it keeps attributes that it does not know, and follows no links (`ref`): they stay attributes. Selections are
// found wherever they are (board, software set, mode in any nesting that SWUpdate looks up).

import { CaissonError } from '../../errors.ts';
import { artifactKinds, type DescribedArtifact, type DescribedSection, type SwDescription } from './description.ts';
import type { LibconfigGroup, LibconfigValue } from './libconfig.ts';
import { parseLibconfig } from './parse.ts';

/** SWUpdate looks at most for board, software set and mode; ours allow one more. */
const maximumPath = 4;
const bootenvNames = ['bootenv', 'uboot'];

/** @throws CaissonError update-malformed naming the line or the setting, and the rule */
export function readSwDescription(text: string): SwDescription {
	const software = parseLibconfig(text).settings.get('software');
	if (!isGroup(software)) throw malformed('there is no group "software"');
	const settings: Record<string, string | boolean | number | bigint> = {};
	for (const [name, value] of software.settings) {
		if (typeof value !== 'object' && name !== 'version' && name !== 'description') settings[name] = value;
	}
	const version = software.settings.get('version');
	if (typeof version !== 'string') throw malformed('version is missing or is not a string');
	const description = software.settings.get('description');
	return {
		version,
		...(typeof description === 'string' ? { description } : {}),
		hardwareCompatibility: revisions(software.settings.get('hardware-compatibility')),
		settings,
		sections: sections(software, []),
	};
}

function revisions(value: LibconfigValue | undefined): string[] {
	if (value === undefined) return [];
	if (typeof value !== 'object' || value.kind === 'group') throw malformed('hardware-compatibility is not a list');
	return value.values.map((each) => {
		if (typeof each !== 'string') throw malformed('hardware-compatibility holds something that is not a string');
		return each;
	});
}

function sections(from: LibconfigGroup, path: readonly string[]): DescribedSection[] {
	const found: DescribedSection[] = [];
	const kinds = [...artifactKinds, ...bootenvNames];
	if (kinds.some((kind) => from.settings.has(kind))) {
		found.push({
			path,
			images: artifacts(from, 'images', path),
			files: artifacts(from, 'files', path),
			scripts: artifacts(from, 'scripts', path),
			bootenv: bootenvNames.flatMap((name) => bootenv(from, name, path)),
		});
	}
	if (path.length >= maximumPath) return found;
	for (const [name, value] of from.settings) {
		if (isGroup(value) && !kinds.includes(name)) found.push(...sections(value, [...path, name]));
	}
	return found;
}

function entries(from: LibconfigGroup, kind: string, path: readonly string[]): [LibconfigGroup, string][] {
	const value = from.settings.get(kind);
	if (value === undefined) return [];
	const where = [...path, kind].join('.');
	if (typeof value !== 'object' || value.kind !== 'list') throw malformed(`${where} is not a list`);
	return value.values.map((each, index) => {
		if (!isGroup(each)) throw malformed(`${where}[${index}] is not a group`);
		return [each, `${where}[${index}]`];
	});
}

function artifacts(from: LibconfigGroup, kind: string, path: readonly string[]): DescribedArtifact[] {
	return entries(from, kind, path).map(([entry, where]) => {
		const attributes: Record<string, string | boolean | number | bigint> = {};
		for (const [name, value] of entry.settings) {
			if (typeof value !== 'object' && name !== 'filename' && name !== 'sha256') attributes[name] = value;
		}
		const filename = optionalString(entry, 'filename', where);
		const sha256 = optionalString(entry, 'sha256', where);
		return {
			...(filename === undefined ? {} : { filename }),
			...(sha256 === undefined ? {} : { sha256 }),
			attributes,
			properties: properties(entry.settings.get('properties'), where),
		};
	});
}

function properties(value: LibconfigValue | undefined, where: string): DescribedArtifact['properties'] {
	if (value === undefined) return {};
	if (!isGroup(value)) throw malformed(`${where}.properties is not a group`);
	const found: Record<string, string | readonly string[]> = {};
	for (const [name, each] of value.settings) {
		if (typeof each !== 'object') found[name] = String(each);
		else if (each.kind !== 'group') found[name] = each.values.filter((one) => typeof one !== 'object').map(String);
	}
	return found;
}

function bootenv(from: LibconfigGroup, kind: string, path: readonly string[]): { name: string; value: string }[] {
	return entries(from, kind, path).flatMap(([entry, where]) => {
		const name = optionalString(entry, 'name', where);
		return name === undefined ? [] : [{ name, value: optionalString(entry, 'value', where) ?? '' }];
	});
}

function optionalString(entry: LibconfigGroup, name: string, where: string): string | undefined {
	const value = entry.settings.get(name);
	if (value !== undefined && typeof value !== 'string') throw malformed(`${where}.${name} is not a string`);
	return value;
}

function isGroup(value: LibconfigValue | undefined): value is LibconfigGroup {
	return typeof value === 'object' && value.kind === 'group';
}

function malformed(rule: string): CaissonError {
	return new CaissonError('update-malformed', `In sw-description ${rule}.`);
}
