// The command line: `caisson <noun> <verb>`. It decides what this process does with its streams and its exit code; the
// commands are found in cli/nouns.ts and run by cli/run.ts.

import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Halves the start-up. In the user's own cache: Node's default below /tmp could be filled by somebody else. Before the
// other modules are loaded, so these are imported late.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'caisson', 'compile'));

// Whoever reads our output may stop reading (| head): say nothing, and end as a process that SIGPIPE ends does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
	if (error.code === 'EPIPE') process.exit(141);
	throw error;
});
process.stderr.on('error', () => undefined);

const { runCommandLine } = await import('./cli/run.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
