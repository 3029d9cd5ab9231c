// Where a file of the repository stands in the layout, and which places each place may import. This is the one-way
// rule of the layout as data: programs → routes, commands, client → web, terminal; programs → storage, outside →
// store → rules → format. It leaves out which noun may know which other noun: that stands in imports.json.

/** A layer of the layout. `shared`: the files that everything may import. */
export type Layer =
	| 'programs'
	| 'routes'
	| 'commands'
	| 'client'
	| 'steps'
	| 'store'
	| 'rules'
	| 'web'
	| 'terminal'
	| 'storage'
	| 'outside'
	| 'format'
	| 'shared'
	| 'generated'
	| 'ui'
	| 'testing'
	| 'test';

export interface Place {
	readonly layer: Layer;
	/** The folder of src/ that the file belongs to, for layers of a noun. */
	readonly noun?: string;
}

const plumbing = ['web', 'terminal', 'storage', 'outside', 'format'] as const;
const nounLayers = ['routes', 'commands', 'client', 'steps', 'store', 'rules'] as const;
// What a noun needs of the world besides storage: interfaces too, implemented in src/outside.
const interfaceFiles = ['signer.ts'];
const sharedFiles = ['src/errors.ts', 'src/unit-of-work.ts', 'src/nearest-name.ts', 'src/pure-globals.d.ts'];

/** The place of a file (path from the root, `/` between names), or undefined where the layout has none for it. */
export function placeOf(path: string): Place | undefined {
	const [top, folder, third] = path.split('/');
	if (sharedFiles.includes(path)) return { layer: 'shared' };
	if (/\.(test|e2e)\.[jt]sx?$/.test(path) || top === 'e2e' || top === 'bench' || top === 'docs')
		return { layer: 'test' };
	if (top === 'programs' || top === 'testing' || top === 'ui') return { layer: top };
	if (top === 'spec') return { layer: 'generated' };
	if (top !== 'src' || folder === undefined || third === undefined) return undefined;
	// The suite that every store must pass is a test that the tests of each store call.
	if (path === 'src/storage/contract.ts' || path.startsWith('src/storage/contract/')) return { layer: 'test' };
	const own = plumbing.find((name) => name === folder);
	if (own !== undefined) return { layer: own };
	if (interfaceFiles.includes(third)) return { layer: 'store', noun: folder };
	// The last word tells (bulk-routes.ts are routes); a word of the noun's own (folding.ts) is part of its steps.
	const word = third
		.replace(/\.[jt]sx?$/, '')
		.split('-')
		.at(-1);
	return { layer: nounLayers.find((name) => name === word) ?? 'steps', noun: folder };
}

/**
 * What each layer may import, besides itself (for layers of a noun: within the same noun) and `shared`. Tests may
 * import everything. Layers of another noun follow `acrossNouns` as well.
 */
export const mayImport: Readonly<Record<Layer, readonly Layer[]>> = {
	programs: [
		...['routes', 'commands', 'client', 'steps', 'store', 'rules'],
		...['web', 'terminal', 'storage', 'outside', 'format', 'generated'],
	] as Layer[],
	routes: ['web', 'steps', 'store', 'rules', 'format', 'generated'],
	commands: ['terminal', 'steps', 'store', 'rules', 'format', 'generated'],
	client: ['web', 'rules', 'format', 'generated'],
	steps: ['store', 'rules', 'format'],
	storage: ['store', 'rules', 'format'],
	outside: ['store', 'rules', 'format'],
	store: ['rules', 'format'],
	rules: ['format'],
	format: [],
	web: ['generated'],
	terminal: ['generated'],
	shared: [],
	generated: [],
	ui: ['rules', 'generated'],
	testing: [
		...['programs', 'routes', 'commands', 'client', 'steps', 'store', 'rules'],
		...['web', 'terminal', 'storage', 'outside', 'format', 'generated'],
	] as Layer[],
	test: [],
};

/** The layers of a noun that another noun may import at all, given a row in imports.json. */
export const acrossNouns: readonly Layer[] = ['rules', 'store'];

/** Layers that run everywhere, in the browser too: no node: module, no npm package but those in imports.json. */
export const pureLayers: readonly Layer[] = ['rules', 'format', 'shared'];

/** Modules that speak SQL: for storage only. */
export const sqlModules: readonly string[] = ['node:sqlite', 'pg', 'kysely', 'better-sqlite3'];
