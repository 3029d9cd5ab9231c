// Writes the tables of docs/security-model.md: what the walk over every operation saw. The prose around them is written by
// hand. testing/access/walk.test.ts compares.

import { readFileSync, writeFileSync } from 'node:fs';
import { type WalkTable, walk } from '../testing/access/walk.ts';

export const securityModelFile = new URL('security-model.md', import.meta.url);

const [begin, end] = ['<!-- walk: begin -->', '<!-- walk: end -->'] as const;

/** The page with these tables in place of the old ones. */
export function withTables(page: string, tables: readonly WalkTable[]): string {
	const [before, after] = [page.indexOf(begin), page.indexOf(end)];
	if (before < 0 || after < before) throw new Error(`docs/security-model.md has no ${begin} with ${end} after it`);
	const text = tables.map(tableText).join('\n\n');
	return `${page.slice(0, before)}${begin}\n\n${text}\n\n${page.slice(after)}`;
}

function tableText({ title, callers, rows }: WalkTable): string {
	const lines = [
		['operation', ...callers],
		['---', ...callers.map(() => '---')],
		...rows.map(({ operation, seen }) => [`\`${operation}\``, ...seen.map((one) => (one === 'none' ? '–' : one))]),
	];
	return `### ${title[0]?.toUpperCase()}${title.slice(1)}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}`;
}

if (import.meta.main) {
	writeFileSync(securityModelFile, withTables(readFileSync(securityModelFile, 'utf8'), await walk()));
}
