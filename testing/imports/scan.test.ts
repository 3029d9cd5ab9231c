// That every way to import is found, and that nothing else is taken for one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf } from './scan.ts';

const specifiers = (source: string) => importsOf(source).map((found) => found.specifier);

test('finds static imports of every form', () => {
	const source = [
		"import './effect.ts';",
		"import whole from './default.ts';",
		"import * as all from './star.ts';",
		"import type { A } from './types.ts';",
		"import b, { type C, d as e } from './mixed.ts';",
		"import data from './data.json' with { type: 'json' };",
		"import { 'a name' as f } from './named.ts';",
		'import {',
		"\tg, // from './not-this.ts'",
		"} from './lines.ts';",
	].join('\n');
	assert.deepEqual(specifiers(source), [
		'./effect.ts',
		'./default.ts',
		'./star.ts',
		'./types.ts',
		'./mixed.ts',
		'./data.json',
		'./named.ts',
		'./lines.ts',
	]);
});

test('finds re-exports, and takes no other export for one', () => {
	const source = [
		"export * from './all.ts';",
		"export * as ns from './namespace.ts';",
		"export { a, type B } from './some.ts';",
		"export type { C } from './types.ts';",
		"export { local };\nconst from = './no.ts';",
		"export const d = { from: './no.ts' };",
		"export default 'text';",
		"export type E = 'a' | 'b';",
	].join('\n');
	assert.deepEqual(specifiers(source), ['./all.ts', './namespace.ts', './some.ts', './types.ts']);
});

test('finds import(), import types, require() and the URL of a worker', () => {
	const source = [
		"const a = await import('./lazy.ts');",
		"type B = import('./type.ts').B;",
		"const c = require('pg');",
		"new Worker(new URL('./worker.ts', import.meta.url));",
		"readFileSync(new URL('./page.md', import.meta.url));",
		`const text = \`before \${await import('./inside.ts')} after\`;`,
	].join('\n');
	assert.deepEqual(specifiers(source), ['./lazy.ts', './type.ts', 'pg', './worker.ts', './inside.ts']);
});

test('an import that is computed at run time is found without a specifier', () => {
	assert.deepEqual(specifiers(`import(name); import('./a' + name); import(\`./\${name}.ts\`)`), [
		undefined,
		undefined,
		undefined,
	]);
});

test('comments, strings, templates and regular expressions hold no imports', () => {
	const source = [
		"// import './comment.ts'",
		"/* import './block.ts' */",
		`const a = "import './string.ts'";`,
		`const b = \`import './template.ts' \${{ c: \`import './nested.ts'\` }.c} import './rest.ts'\`;`,
		"const d = /import '.\\/regex.ts'[/']/.test(x);",
		"const e = (1 + 2) / 3; const f = 4 / 2; // ' a quote in a comment",
		"log.import('./method.ts');",
		"import './real.ts';",
	].join('\n');
	assert.deepEqual(specifiers(source), ['./real.ts']);
});

test('a quote in a regular expression does not hide what follows', () => {
	assert.deepEqual(specifiers("if (/['\"`]/.test(x)) y();\nimport './after.ts';"), ['./after.ts']);
	assert.deepEqual(specifiers("const half = a[0] / 2; const q = '/';\nimport './after.ts';"), ['./after.ts']);
});

test('the line is that of the specifier', () => {
	const source = "#!/usr/bin/env node\n/* two\nlines */ import {\n\ta,\n} from './a.ts';\n`\n`;\nimport './b.ts';\n";
	assert.deepEqual(importsOf(source), [
		{ specifier: './a.ts', line: 5 },
		{ specifier: './b.ts', line: 8 },
	]);
});

test('import.meta is no import', () => {
	assert.deepEqual(specifiers('if (import.meta.main) run(import.meta.dirname);'), []);
});
