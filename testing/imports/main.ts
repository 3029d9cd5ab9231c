// Checks the imports of this repository: `npm run check` runs it. Exit code 0: nothing found; 1: findings, one a line;
// 2: the check could not be made.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkImports, type Declarations } from './check.ts';

const root = dirname(dirname(import.meta.dirname));
const folders = ['src', 'programs', 'testing', 'e2e', 'bench', 'docs', 'ui'];

/** The sources, the packages and the declarations of the repository at `root`. */
export function readRepository(root: string): Parameters<typeof checkImports> {
	const paths = globSync(`{${folders.join(',')}}/**/*.{ts,tsx,js,mjs}`, {
		cwd: root,
		exclude: (path) => path.includes('node_modules') || path.includes('dist'),
	});
	const tree = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
	const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	const packages = {
		dependencies: new Set(Object.keys(dependencies)),
		devDependencies: new Set(Object.keys(devDependencies)),
	};
	const declared: Declarations = JSON.parse(readFileSync(join(root, 'imports.json'), 'utf8'));
	return [tree, packages, declared];
}

if (import.meta.main) {
	try {
		const [tree, packages, declared] = readRepository(root);
		if (tree.size === 0) throw new Error('no source file was found');
		const findings = checkImports(tree, packages, declared);
		for (const finding of findings) console.log(finding);
		console.log(`${tree.size} files, ${findings.length} findings`);
		process.exitCode = findings.length === 0 ? 0 : 1;
	} catch (error) {
		console.error(`the imports could not be checked: ${(error as Error).message}`);
		process.exitCode = 2;
	}
}
