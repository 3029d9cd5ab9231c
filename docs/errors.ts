// Writes docs/errors.md from the catalogue in src/errors.ts; with --check it only compares, and fails where the page is
// stale. It decides how the page looks and nothing else: what a code means stands in the catalogue.

import { readFileSync, writeFileSync } from 'node:fs';
import { type ErrorMeaning, errorCatalogue } from '../src/errors.ts';

const introduction = `# Errors

Every refusal and every failure of Caisson carries a code of this list: in the answers of the API, in the log, and in
what the command line prints. Codes are stable: none is renamed or given another meaning, so scripts may compare them.

| exit code of the command line | meaning |
| --- | --- |
| 0 | done, or the same |
| 1 | a finding or a refusal: the command worked, and the answer is no |
| 2 | trouble: wrong use, network, disk, or a peer |

This page is written by \`npm run generate\` from \`src/errors.ts\`.
`;

/** The page for a catalogue, in the order of the catalogue. */
export function errorsPage(catalogue: Readonly<Record<string, ErrorMeaning>>): string {
	const entries = Object.entries(catalogue).map(
		([code, meaning]) =>
			`## ${code}\n\nHTTP status ${meaning.http}, exit code ${meaning.exit}.\n\n` +
			`${meaning.when}\n\n**What to do:** ${meaning.remedy}\n`,
	);
	return [introduction, ...entries].join('\n');
}

export const errorsPageFile = new URL('errors.md', import.meta.url);

if (import.meta.main) {
	const page = errorsPage(errorCatalogue);
	if (!process.argv.includes('--check')) {
		writeFileSync(errorsPageFile, page);
	} else if (readFileSync(errorsPageFile, 'utf8') !== page) {
		console.error('docs/errors.md is not what src/errors.ts says: run `npm run generate` and commit the page.');
		process.exitCode = 1;
	}
}
