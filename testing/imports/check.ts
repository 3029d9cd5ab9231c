// Judges the imports of a source tree by the layout (places.ts) and by the exceptions that imports.json declares, and
// imports.json by what the tree still needs. Each finding names the file, the line, the import and the rule. It
// works on values: main.ts reads the disk.

import { acrossNouns, mayImport, type Place, placeOf, pureLayers, sqlModules } from './places.ts';
import { type Import, importsOf } from './scan.ts';

/** imports.json. Every row has a reason; a row that nothing needs any more is a finding. */
export interface Declarations {
	/** The rules and the store of `to` may be imported by the noun `from`. Acyclic. */
	readonly nouns: readonly { readonly from: string; readonly to: string; readonly reason: string }[];
	/** A pure file (rules, format) may import this npm package. `file` may hold one `*` for a folder. */
	readonly purePackages: readonly { readonly file: string; readonly package: string; readonly reason: string }[];
	/** A file outside src/storage may import this module for something other than SQL. */
	readonly sqlModules: readonly { readonly file: string; readonly module: string; readonly reason: string }[];
	/** A program may import this module of testing/ (a folder or a file). */
	readonly programsFromTesting: readonly { readonly file: string; readonly module: string; readonly reason: string }[];
}

/** A source tree: path from the root → text. */
export type Tree = ReadonlyMap<string, string>;

interface Packages {
	/** Installed for those who run Caisson. */
	readonly dependencies: ReadonlySet<string>;
	/** Installed for those who work on it. */
	readonly devDependencies: ReadonlySet<string>;
}

/** Rows of imports.json that were needed, by identity. */
type Used = Set<object>;

/** `a/b.ts` + `../c.ts` → `c.ts`. */
function resolve(from: string, specifier: string): string {
	const parts = from.split('/').slice(0, -1);
	for (const part of specifier.split('/')) {
		if (part === '..') parts.pop();
		else if (part !== '.') parts.push(part);
	}
	return parts.join('/');
}

function matches(pattern: string, path: string): boolean {
	const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
	return new RegExp(`^${parts.join('[^/]*')}$`).test(path);
}

const described = (place: Place) => (place.noun === undefined ? place.layer : `${place.noun}'s ${place.layer}`);

/** The rule that an import of a file breaks, or undefined. */
function fileRule(path: string, from: Place, target: string, declared: Declarations, used: Used): string | undefined {
	// Data beside the code (a JSON file): node reads it, so it is not for pure code.
	const code = /\.[cm]?[jt]sx?$/.test(target);
	if (!code && pureLayers.includes(from.layer)) return 'pure code imports no data files';
	const to = placeOf(target);
	if (to === undefined) return code ? 'the file imported has no place in the layout' : undefined;
	if (from.layer === 'test') return undefined;
	if (to.layer === 'test') return 'only tests may import tests';
	if (to.layer === 'shared') return undefined;
	if (from.layer === 'programs' && to.layer === 'testing') {
		const row = declared.programsFromTesting.find(
			({ file, module }) => file === path && (target === module || target.startsWith(`${module}/`)),
		);
		if (row) used.add(row);
		return row ? undefined : 'a program may import testing/ only where imports.json says so (programsFromTesting)';
	}
	const sameLayer = from.layer === to.layer;
	if (!sameLayer && !mayImport[from.layer].includes(to.layer)) {
		return `${described(from)} may not import ${described(to)}: imports go one way`;
	}
	if (from.noun === undefined || to.noun === undefined || from.noun === to.noun) return undefined;
	if (!acrossNouns.includes(to.layer)) {
		return `another noun may be imported by its ${acrossNouns.join(' and ')} only, not by its ${to.layer}`;
	}
	const row = declared.nouns.find((entry) => entry.from === from.noun && entry.to === to.noun);
	if (row) used.add(row);
	return row ? undefined : `no row of imports.json lets ${from.noun} know ${to.noun}`;
}

/** The rule that an import of a package or of a part of Node breaks, or undefined. */
function packageRule(
	path: string,
	from: Place,
	specifier: string,
	packages: Packages,
	declared: Declarations,
	used: Used,
): string | undefined {
	const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
	if (from.layer !== 'test' && from.layer !== 'storage' && sqlModules.includes(name)) {
		const row = declared.sqlModules.find((entry) => entry.module === name && entry.file === path);
		if (row) used.add(row);
		else return 'SQL lives only in src/storage';
	}
	if (pureLayers.includes(from.layer)) {
		if (specifier.startsWith('node:')) return `${described(from)} must be pure: no node: module`;
		const row = declared.purePackages.find((entry) => entry.package === name && matches(entry.file, path));
		if (row) used.add(row);
		else return `${described(from)} must be pure: no npm package that imports.json does not list (purePackages)`;
	}
	if (specifier.startsWith('node:') || packages.dependencies.has(name)) return undefined;
	if (!packages.devDependencies.has(name)) return 'package.json does not list this package';
	if (['test', 'testing', 'ui'].includes(from.layer)) return undefined;
	return 'a package of devDependencies is not there when Caisson runs';
}

function ruleBroken(
	path: string,
	from: Place,
	{ specifier }: Import,
	packages: Packages,
	declared: Declarations,
	used: Used,
): string | undefined {
	if (specifier === undefined) {
		if (from.layer === 'test' || from.layer === 'testing') return undefined;
		return 'an import whose name is computed at run time cannot be checked';
	}
	if (specifier.startsWith('.')) return fileRule(path, from, resolve(path, specifier), declared, used);
	return packageRule(path, from, specifier, packages, declared, used);
}

/** A cycle among the rows, as the nouns on it, or undefined. */
function cycleOf(rows: Declarations['nouns']): readonly string[] | undefined {
	const done = new Set<string>();
	const walk = (noun: string, path: readonly string[]): readonly string[] | undefined => {
		if (path.includes(noun)) return [...path.slice(path.indexOf(noun)), noun];
		if (done.has(noun)) return undefined;
		for (const row of rows) {
			const cycle = row.from === noun ? walk(row.to, [...path, noun]) : undefined;
			if (cycle) return cycle;
		}
		done.add(noun);
		return undefined;
	};
	for (const { from } of rows) {
		const cycle = walk(from, []);
		if (cycle) return cycle;
	}
	return undefined;
}

function declarationFindings(declared: Declarations, used: Used): string[] {
	const findings: string[] = [];
	const all = Object.entries(declared) as [string, readonly { readonly reason?: string }[]][];
	for (const [list, rows] of all) {
		for (const row of rows) {
			const { reason, ...fields } = row;
			const name = `imports.json: ${list}: ${Object.values(fields).join(' → ')}`;
			if (typeof reason !== 'string' || reason.trim() === '') findings.push(`${name}: a row needs a reason`);
			if (!used.has(row)) findings.push(`${name}: no import needs this row any more`);
		}
	}
	const cycle = cycleOf(declared.nouns);
	if (cycle) findings.push(`imports.json: nouns: the rows form a cycle: ${cycle.join(' → ')}`);
	return findings;
}

/** Every finding about the imports of `tree`, in the order of its paths; those about imports.json last. */
export function checkImports(tree: Tree, packages: Packages, declared: Declarations): string[] {
	const findings: string[] = [];
	const used: Used = new Set();
	for (const path of [...tree.keys()].sort()) {
		const from = placeOf(path);
		if (from === undefined) {
			findings.push(`${path}: has no place in the layout`);
			continue;
		}
		for (const found of importsOf(tree.get(path) as string)) {
			const rule = ruleBroken(path, from, found, packages, declared, used);
			if (rule) findings.push(`${path}:${found.line}: import of ${found.specifier ?? 'a computed name'}: ${rule}`);
		}
	}
	return [...findings, ...declarationFindings(declared, used)];
}
