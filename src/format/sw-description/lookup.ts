// Finds settings in a sw-description as SWUpdate's parser does: below board, software set and mode, then with fewer of
// them, following references. It mirrors parser/parser.c (find_node_and_path), core/parsing_library.c (set_find_path)
// and libconfig's own paths. It leaves out what the settings mean: see device-view.ts.

import type { LibconfigGroup, LibconfigValue } from './libconfig.ts';

/** Which device looks: its board, and what it was started with (swupdate -e SET,MODE). Empty texts where it has none. */
export interface Selector {
	readonly board: string;
	readonly softwareSet: string;
	readonly mode: string;
	/**
	 * SWUpdate up to 2024.12 frees a reference to a group before it looks below it, so nothing is found there; later
	 * releases find it (tried with 2024.12.1 and 2026.05.1).
	 */
	readonly losesGroupReferences: boolean;
}

export interface Found {
	readonly value: LibconfigValue;
	/** The steps that led to it: what references in it are relative to. */
	readonly nodes: readonly string[];
}

/** SWUpdate gives up references after this many (MAX_LINKS_DEPTH), and paths of more steps (MAX_PARSED_NODES). */
const maximumLinks = 10;
const maximumNodes = 20;
const rootName = 'software';

/** The setting `field` as the device sees it: from its own selection, else its board, else the general one. */
export function findSetting(root: LibconfigGroup, field: string, selector: Selector): Found | undefined {
	const { board, softwareSet, mode } = selector;
	const selected = softwareSet !== '' && mode !== '';
	const starts = [
		...(selected && board !== '' ? [[rootName, board, softwareSet, mode]] : []),
		...(selected ? [[rootName, softwareSet, mode]] : []),
		...(board !== '' ? [[rootName, board]] : []),
		[rootName],
	];
	for (const start of starts) {
		const place = findPlace(root, start, maximumLinks);
		if (place === undefined || (place.followed && selector.losesGroupReferences)) continue;
		const found = findPlace(root, [...place.nodes, field], maximumLinks);
		if (found !== undefined) return found;
	}
	return undefined;
}

/**
 * What an entry that is a reference leads to; undefined where there is nothing (SWUpdate passes over it), 'malformed'
 * where the reference itself is wrong (SWUpdate refuses the description).
 */
export function followReference(
	root: LibconfigGroup,
	nodes: readonly string[],
	reference: string,
): Found | 'malformed' | undefined {
	const path = referencedPath(nodes, reference);
	return path === undefined ? 'malformed' : findPlace(root, path, maximumLinks);
}

/** The value at a path; a group that holds a reference stands for what it refers to (find_root_libconfig). */
function findPlace(
	root: LibconfigGroup,
	nodes: readonly string[],
	links: number,
): (Found & { readonly followed: boolean }) | undefined {
	if (links <= 1) return undefined;
	const value = lookup(root, nodes);
	if (value === undefined) return undefined;
	const reference = referenceOf(value);
	if (reference === undefined) return { value, nodes, followed: false };
	const path = referencedPath(nodes, reference);
	const found = path === undefined ? undefined : findPlace(root, path, links - 1);
	return found === undefined ? undefined : { ...found, followed: true };
}

/** The text of `ref` in a group. */
export function referenceOf(value: LibconfigValue): string | undefined {
	if (typeof value !== 'object' || value.kind !== 'group') return undefined;
	const reference = value.settings.get('ref');
	return typeof reference === 'string' ? reference : undefined;
}

/**
 * The path that a reference means: '#' and steps between '/'; '..' goes up, '.' stays. It is relative where it starts
 * with one of the two, else it starts anew. The step of the reference itself does not count (set_find_path).
 */
function referencedPath(nodes: readonly string[], reference: string): string[] | undefined {
	if (!reference.startsWith('#') || reference.length < 3) return undefined;
	const steps = reference
		.slice(1)
		.split('/')
		.filter((step) => step !== '');
	if (steps.length === 0) return undefined;
	let path = [...nodes];
	let count = nodes.length - 1;
	for (const [index, step] of steps.entries()) {
		if (step === '..') {
			if (count === 0) return undefined;
			count--;
		} else if (step !== '.') {
			if (index === 0) count = 0;
			path = [...path.slice(0, count), step];
			count++;
			if (count >= maximumNodes) return undefined;
		}
	}
	return path;
}

/** libconfig takes ".", ":" and "/" in a path as separators (config_lookup), so a name with a dot is two steps. */
function lookup(root: LibconfigGroup, nodes: readonly string[]): LibconfigValue | undefined {
	let value: LibconfigValue = root;
	for (const step of nodes.join('.').split(/[.:/]+/)) {
		if (step === '') continue;
		if (typeof value !== 'object' || value.kind !== 'group') return undefined;
		const next = value.settings.get(step);
		if (next === undefined) return undefined;
		value = next;
	}
	return value;
}
