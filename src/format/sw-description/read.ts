// What a sw-description says, from its text, libconfig or JSON: the other direction of description.ts. It takes
// descriptions that others wrote, so it keeps attributes that it does not know, follows references (`ref`), and finds
// selections, versions and hardware wherever they are (board, software set, mode in any nesting that SWUpdate looks up). It
// says what there is for all devices; what one device takes of it is in device-view.ts.

import { CaissonError } from '../../errors.ts';
import { artifactKinds, type DescribedArtifact, type DescribedSection, type SwDescription } from './description.ts';
import { parseJsonDescription } from './json.ts';
import type { LibconfigGroup, LibconfigValue } from './libconfig.ts';
import { followReference, referenceOf } from './lookup.ts';
import { parseLibconfig } from './parse.ts';

/** SWUpdate looks at most for board, software set and mode; ours allow one more. */
const maximumPath = 4;
const bootenvNames = ['bootenv', 'uboot'];
/** References to references end here, as in SWUpdate. */
const maximumLinks = 10;
const maximumEntries = 100_000;

/** @throws CaissonError update-malformed naming the line or the setting, and the rule */
export function readSwDescription(text: string): SwDescription {
	const root = text.trimStart().startsWith('{') ? parseJsonDescription(text) : parseLibconfig(text);
	const software = root.settings.get('software');
	if (!isGroup(software)) throw malformed('there is no group "software"');
	const settings: Record<string, string | boolean | number | bigint> = {};
	for (const [name, value] of software.settings) {
		if (typeof value !== 'object' && name !== 'version' && name !== 'description') settings[name] = value;
	}
	const version = nearest(software, 'version');
	if (typeof version !== 'string') throw malformed('version is missing or is not a string');
	const description = nearest(software, 'description');
	return {
		version,
		...(typeof description === 'string' ? { description } : {}),
		hardwareCompatibility: revisions(nearest(software, 'hardware-compatibility')),
		settings,
		sections: new SectionReader(root).sections(software, [], ['software'], 0),
	};
}

/** A setting of the group, else the first one in a selection: a description may give each board its own. */
function nearest(from: LibconfigGroup, name: string, depth = 0): LibconfigValue | undefined {
	const own = from.settings.get(name);
	if (own !== undefined || depth >= maximumPath) return own;
	for (const value of from.settings.values()) {
		const found = isGroup(value) ? nearest(value, name, depth + 1) : undefined;
		if (found !== undefined) return found;
	}
	return undefined;
}

function revisions(value: LibconfigValue | undefined): string[] {
	if (value === undefined) return [];
	if (typeof value !== 'object' || value.kind === 'group') throw malformed('hardware-compatibility is not a list');
	return value.values.map((each) => {
		if (typeof each !== 'string') throw malformed('hardware-compatibility holds something that is not a string');
		return each;
	});
}

/** Reads the lists of every selection; references lead elsewhere in `root`. */
class SectionReader {
	readonly #root: LibconfigGroup;
	#entries = 0;

	constructor(root: LibconfigGroup) {
		this.#root = root;
	}

	/** @param nodes where `from` stands: what references in it are relative to */
	sections(from: LibconfigGroup, path: readonly string[], nodes: readonly string[], links: number): DescribedSection[] {
		const found: DescribedSection[] = [];
		const kinds = [...artifactKinds, ...bootenvNames];
		if (kinds.some((kind) => from.settings.has(kind))) {
			const read = (kind: string) => this.#entriesOf(from, kind, path, nodes);
			found.push({
				path,
				images: artifacts(read('images')),
				files: artifacts(read('files')),
				scripts: artifacts(read('scripts')),
				bootenv: bootenvNames.flatMap((name) => bootenv(read(name))),
			});
		}
		if (path.length >= maximumPath) return found;
		for (const [name, value] of from.settings) {
			if (!isGroup(value) || kinds.includes(name)) continue;
			const at = [...nodes, name];
			const reference = referenceOf(value);
			if (reference === undefined) {
				found.push(...this.sections(value, [...path, name], at, links));
				continue;
			}
			const target = links < maximumLinks ? followReference(this.#root, at, reference) : undefined;
			if (target === 'malformed' || target === undefined || !isGroup(target.value)) continue;
			found.push(...this.sections(target.value, [...path, name], target.nodes, links + 1));
		}
		return found;
	}

	#entriesOf(
		from: LibconfigGroup,
		kind: string,
		path: readonly string[],
		nodes: readonly string[],
	): [LibconfigGroup, string][] {
		const value = from.settings.get(kind);
		return value === undefined ? [] : this.#list(value, [...path, kind].join('.'), [...nodes, kind], 0);
	}

	/** The entries of a list; a reference in it stands for the entries of the list that it leads to. */
	#list(value: LibconfigValue, where: string, nodes: readonly string[], links: number): [LibconfigGroup, string][] {
		if (links > maximumLinks) throw malformed(`the references in ${where} lead in a circle`);
		const whole = referenceOf(value);
		if (whole !== undefined) return this.#linked(whole, where, nodes, links);
		if (typeof value !== 'object' || value.kind !== 'list') throw malformed(`${where} is not a list`);
		return value.values.flatMap((each, index): [LibconfigGroup, string][] => {
			this.#entries++;
			if (this.#entries > maximumEntries) throw malformed(`there are more than ${maximumEntries} entries`);
			if (!isGroup(each)) throw malformed(`${where}[${index}] is not a group`);
			const reference = referenceOf(each);
			if (reference === undefined) return [[each, `${where}[${index}]`]];
			return this.#linked(reference, `${where}[${index}]`, nodes, links);
		});
	}

	#linked(reference: string, where: string, nodes: readonly string[], links: number): [LibconfigGroup, string][] {
		const target = followReference(this.#root, nodes, reference);
		if (target === 'malformed') throw malformed(`${where} has the malformed reference ${JSON.stringify(reference)}`);
		return target === undefined ? [] : this.#list(target.value, where, target.nodes, links + 1);
	}
}

function artifacts(entries: readonly [LibconfigGroup, string][]): DescribedArtifact[] {
	return entries.map(([entry, where]) => {
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

function bootenv(entries: readonly [LibconfigGroup, string][]): { name: string; value: string }[] {
	return entries.flatMap(([entry, where]) => {
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
