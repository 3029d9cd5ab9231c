// The import check on small made-up trees: what the layout allows passes, and each breach is named with its place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImports, type Declarations } from './check.ts';

const none: Declarations = { nouns: [], purePackages: [], sqlModules: [], programsFromTesting: [] };
const packages = {
	dependencies: new Set(['fastify', 'kysely', 'yaml', '@peculiar/x509']),
	devDependencies: new Set(['typescript']),
};

function findings(files: Readonly<Record<string, string>>, declared: Partial<Declarations> = {}): string[] {
	return checkImports(new Map(Object.entries(files)), packages, { ...none, ...declared });
}

test('the one way of the layout passes', () => {
	const found = findings({
		'programs/server.ts': `
			import '../src/valve/routes.ts'; import '../src/storage/sqlite/valves.ts'; import '../src/outside/clock.ts';`,
		'src/valve/routes.ts': `
			import 'node:http'; import 'fastify'; import '../web/answer.ts'; import './steps.ts'; import '../errors.ts';`,
		'src/valve/bulk-routes.ts': "import '../web/answer.ts';",
		'src/valve/commands.ts': "import '../terminal/terminal.ts'; import './rules/open.ts';",
		'src/valve/client/poll.ts': "import '../rules/open.ts'; import './retry.ts';",
		'src/valve/client/retry.ts': '',
		'src/valve/steps.ts': "import './store.ts'; import './queue.ts'; import '../unit-of-work.ts';",
		'src/valve/queue.ts': "import './rules/open.ts';",
		'src/valve/signer.ts': '',
		'src/valve/store.ts': "import type { Valve } from './rules/open.ts';",
		'src/valve/rules/open.ts': "import '../../format/tar/read.ts'; import '../../errors.ts';",
		'src/format/tar/read.ts': '',
		'src/storage/sqlite/valves.ts': "import 'node:sqlite'; import 'kysely'; import '../../valve/store.ts';",
		'src/outside/clock.ts': "import '../valve/store.ts'; import '../valve/signer.ts';",
		'src/web/answer.ts': "import 'node:stream';",
		'src/terminal/terminal.ts': '',
		'src/errors.ts': '',
		'src/unit-of-work.ts': '',
	});
	assert.deepEqual(found, []);
});

const breaches: readonly [title: string, path: string, source: string, finding: RegExp][] = [
	['rules must not know their store', 'src/valve/rules.ts', "import './store.ts';", /may not import valve's store/],
	['a store must not know routes', 'src/valve/store.ts', "import './routes.ts';", /may not import valve's routes/],
	['routes must not know storage', 'src/valve/routes.ts', "import '../storage/sqlite/x.ts';", /may not import storage/],
	['steps must not know the outside', 'src/valve/steps.ts', "import '../outside/clock.ts';", /may not import outside/],
	['web knows no noun', 'src/web/x.ts', "import '../valve/rules.ts';", /web may not import valve's rules/],
	['terminal knows no noun', 'src/terminal/x.ts', "import '../valve/store.ts';", /terminal may not import/],
	['storage knows no routes', 'src/storage/x.ts', "import '../valve/routes.ts';", /storage may not import/],
	['nothing in src knows the programs', 'src/valve/routes.ts', "import '../../programs/server.ts';", /import programs/],
	['formats know no noun', 'src/format/tar.ts', "import '../valve/rules.ts';", /format may not import/],
	['shared files import nothing of the nouns', 'src/errors.ts', "import './valve/rules.ts';", /shared may not import/],
	['the console takes rules only', 'ui/page.tsx', "import '../src/valve/store.ts';", /ui may not import valve's store/],
	['a re-export counts', 'src/valve/rules.ts', "export * from './store.ts';", /may not import valve's store/],
	['a dynamic import counts', 'src/valve/rules.ts', "await import('./store.ts');", /may not import valve's store/],
	['an import of types counts', 'src/web/x.ts', "type A = import('../valve/rules.ts').A;", /web may not import/],
	[
		'a computed import is refused',
		'src/valve/steps.ts',
		'await import(name);',
		/a computed name: .* cannot be checked/,
	],
	['rules use no part of Node', 'src/valve/rules/a.ts', "import 'node:crypto';", /pure: no node: module/],
	['formats use no package', 'src/format/tar.ts', "import 'yaml';", /pure: no npm package/],
	['formats read no data files', 'src/format/tar.ts', "import a from './a.json';", /no data files/],
	['SQL stays in storage', 'src/valve/steps.ts', "import 'node:sqlite';", /SQL lives only in src\/storage/],
	['SQL stays out of programs', 'programs/a.ts', "import { sql } from 'kysely/helpers';", /SQL lives only/],
	['a package must be listed', 'src/web/x.ts', "import 'left-pad';", /package.json does not list/],
	['a scoped package goes by its two words', 'src/web/x.ts', "import '@peculiar/x510/a';", /does not list/],
	['what runs needs no devDependency', 'programs/a.ts', "import 'typescript';", /devDependencies/],
	['only tests import tests', 'src/valve/steps.ts', "import './rules.test.ts';", /only tests may import tests/],
	['src does not know testing', 'src/valve/steps.ts', "import '../../testing/device.ts';", /may not import testing/],
	['programs know testing by permission', 'programs/a.ts', "import '../testing/device.ts';", /imports.json says so/],
	['every file has a place', 'src/stray.ts', '', /has no place in the layout/],
	['an imported file has a place', 'src/web/x.ts', "import '../stray.ts';", /imported has no place/],
];

for (const [title, path, source, expected] of breaches) {
	test(title, () => {
		const found = findings({ [path]: source });
		assert.equal(found.length, 1, found.join('\n'));
		assert.match(found[0] as string, expected);
		assert.ok(found[0]?.startsWith(`${path}:`), found[0]);
	});
}

test('a finding names file, line, import and rule', () => {
	assert.deepEqual(
		findings({ 'src/web/x.ts': "import 'node:http';\n\nimport {\n\topen,\n} from '../valve/rules.ts';\n" }),
		["src/web/x.ts:5: import of ../valve/rules.ts: web may not import valve's rules: imports go one way"],
	);
});

test('tests and end-to-end scripts may import everything', () => {
	const source = "import 'node:sqlite'; import 'typescript'; import '../storage/sqlite/x.ts'; import(name);";
	assert.deepEqual(
		findings({ 'src/valve/routes.test.ts': source, 'e2e/walk.e2e.ts': "import '../src/valve/store.ts';" }),
		[],
	);
});

test('another noun is known by a row of imports.json, by its rules and its store only', () => {
	const files = {
		'src/valve/store.ts': "import '../pipe/store.ts';",
		'src/valve/rules/a.ts': "import '../../pipe/rules/b.ts';",
	};
	const rule = 'no row of imports.json lets valve know pipe';
	assert.deepEqual(findings(files), [
		`src/valve/rules/a.ts:1: import of ../../pipe/rules/b.ts: ${rule}`,
		`src/valve/store.ts:1: import of ../pipe/store.ts: ${rule}`,
	]);
	const nouns = [{ from: 'valve', to: 'pipe', reason: 'A valve sits on a pipe.' }];
	assert.deepEqual(findings(files, { nouns }), []);
	assert.match(
		findings({ ...files, 'src/valve/steps.ts': "import '../pipe/steps.ts';" }, { nouns })[0] ?? '',
		/by its rules and store only, not by its steps/,
	);
});

test('the one way holds between nouns too', () => {
	const nouns = [{ from: 'valve', to: 'pipe', reason: 'A valve sits on a pipe.' }];
	const found = findings({ 'src/valve/rules.ts': "import '../pipe/store.ts';" }, { nouns });
	assert.match(found[0] ?? '', /valve's rules may not import pipe's store/);
});

test('rows of imports.json that form a cycle are found', () => {
	const nouns = [
		{ from: 'valve', to: 'pipe', reason: 'One way.' },
		{ from: 'pipe', to: 'pump', reason: 'And on.' },
		{ from: 'pump', to: 'valve', reason: 'And back.' },
	];
	const files = {
		'src/valve/rules.ts': "import '../pipe/rules.ts';",
		'src/pipe/rules.ts': "import '../pump/rules.ts';",
		'src/pump/rules.ts': "import '../valve/rules.ts';",
	};
	assert.deepEqual(findings(files, { nouns }), [
		'imports.json: nouns: the rows form a cycle: valve → pipe → pump → valve',
	]);
});

test('a row that nothing needs, or that has no reason, is found', () => {
	const nouns = [{ from: 'valve', to: 'pipe', reason: ' ' }];
	assert.deepEqual(findings({ 'src/valve/rules.ts': '' }, { nouns }), [
		'imports.json: nouns: valve → pipe: a row needs a reason',
		'imports.json: nouns: valve → pipe: no import needs this row any more',
	]);
});

test('a listed package may be used in the pure files that its row names', () => {
	const purePackages = [{ file: 'src/*/rules/parse.ts', package: 'yaml', reason: 'Written by people.' }];
	const source = "import { parse } from 'yaml';";
	assert.deepEqual(findings({ 'src/valve/rules/parse.ts': source }, { purePackages }), []);
	assert.equal(
		findings({ 'src/valve/rules/parse.ts': source, 'src/valve/rules/b.ts': source }, { purePackages }).length,
		1,
	);
});

test('a listed file may use a module of SQL for something else', () => {
	const sqlModules = [{ file: 'src/valve/lock.ts', module: 'node:sqlite', reason: 'A lock of the kernel.' }];
	assert.deepEqual(findings({ 'src/valve/lock.ts': "import 'node:sqlite';" }, { sqlModules }), []);
	assert.equal(findings({ 'src/valve/lock.ts': "import 'pg';" }, { sqlModules }).length, 2);
});

test('a program may import the part of testing that its row names', () => {
	const files = { 'programs/main-job.ts': "import '../testing/device/start.ts';", 'testing/device/start.ts': '' };
	const row = { file: 'programs/main-job.ts', module: 'testing/device', reason: 'Shows an update.' };
	assert.deepEqual(findings(files, { programsFromTesting: [row] }), []);
	assert.equal(findings(files, { programsFromTesting: [{ ...row, module: 'testing/dev' }] }).length, 2);
});
