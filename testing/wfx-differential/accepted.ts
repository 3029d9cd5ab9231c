// The accepted differences: read from accepted.json, matched against what a run found, and written as the table of
// docs/wfx-compatibility.md. A row that matches nothing is reported, so that the table cannot rot.
import { readFileSync } from 'node:fs';
import type { Difference } from './compare.ts';

export type AcceptedDifference = {
	/** `chapter/step`; `*` stands for any run of characters. */
	readonly where: string;
	/** As in a Difference: `status`, `header NAME`, `body /history/+0`; `*` stands for any run of characters. */
	readonly what: string;
	/** What wfx 0.6.0 does, for the table. */
	readonly wfx: string;
	/** What Caisson does instead. */
	readonly caisson: string;
	readonly reason: string;
};

const file = new URL('./accepted.json', import.meta.url);

export const readAccepted = (): readonly AcceptedDifference[] => JSON.parse(readFileSync(file, 'utf8'));

/** Sorts differences into accepted (with their row) and not; also the rows that nothing matched. */
export function judge(differences: readonly Difference[], rows: readonly AcceptedDifference[]) {
	const used = new Set<AcceptedDifference>();
	const accepted: { difference: Difference; row: AcceptedDifference }[] = [];
	const refused: Difference[] = [];
	for (const difference of differences) {
		const row = rows.find(
			(one) =>
				pattern(one.where).test(`${difference.chapter}/${difference.step}`) && pattern(one.what).test(difference.what),
		);
		if (row === undefined) refused.push(difference);
		else {
			used.add(row);
			accepted.push({ difference, row });
		}
	}
	return { accepted, refused, unused: rows.filter((row) => !used.has(row)) };
}

const pattern = (text: string): RegExp =>
	new RegExp(
		`^${text
			.split('*')
			.map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
			.join('.*')}$`,
	);

/** The Markdown table of docs/wfx-compatibility.md. */
export function acceptedTable(rows: readonly AcceptedDifference[]): string {
	const cell = (text: string) => text.replaceAll('|', '\\|');
	const lines = rows.map(
		(row) => `| \`${cell(row.where)}\` (${row.what}) | ${cell(row.wfx)} | ${cell(row.caisson)} | ${cell(row.reason)} |`,
	);
	return ['| Where | wfx 0.6.0 | Caisson | Reason |', '|---|---|---|---|', ...lines].join('\n');
}
