// The entry of `node testing/wfx-differential`: finds a Node that runs TypeScript and starts command.ts with it. It is
// plain JavaScript, valid on Node 18 and newer, because the node on a developer's PATH is often older than the pinned
// one. It decides nothing about the comparison.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [major] = process.versions.node.split('.').map(Number);

if (major >= 24) {
	const { main } = await import('./command.ts');
	process.exitCode = await main(process.argv.slice(2));
} else {
	const pinned = here(`../../node_modules/node-linux-${process.arch}/bin/node`);
	if (existsSync(pinned)) {
		const child = spawnSync(pinned, [here('main.js'), ...process.argv.slice(2)], { stdio: 'inherit' });
		process.exitCode = child.status ?? 2;
	} else {
		console.error(
			`wfx-differential needs Node 24 or newer; this is ${process.version} and the pinned Node is not installed. ` +
				'Run "npm ci" first.',
		);
		process.exitCode = 2;
	}
}
