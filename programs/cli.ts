// The command line: `caisson <noun> <verb>`. It decides what this process does with its streams and its exit code; the
// commands are found in cli/nouns.ts and run by cli/run.ts.

import { runCommandLine } from './cli/run.ts';

// Whoever reads our output may stop reading (| head): say nothing, and end as a process that SIGPIPE ends does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
	if (error.code === 'EPIPE') process.exit(141);
	throw error;
});
process.stderr.on('error', () => undefined);

process.exitCode = await runCommandLine(process.argv.slice(2));
