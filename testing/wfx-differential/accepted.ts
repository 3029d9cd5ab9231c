// The accepted differences: read from accepted.json, matched against what a run found, and written as the table of
// docs/wfx-compatibility.md. A row that matches nothing is reported, so that the table cannot rot.
import { readFileSync } from 'node:fs';
import type { Difference } from './compare.ts';

export type AcceptedDifference = {
	/** `chapter/step`, one or several; `*` stands for any run of characters. */
	readonly where: string | readonly string[];
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

/** Sorts differences into accepted (with their row) and not; also the rows' places that nothing matched. */
export function judge(differences: readonly Difference[], rows: readonly AcceptedDifference[]) {
	const places = rows.flatMap((row) => placesOf(row).map((where) => ({ row, where })));
	const used = new Set<string>();
	const accepted: { difference: Difference; row: AcceptedDifference }[] = [];
	const refused: Difference[] = [];
	for (const difference of differences) {
		const place = `${difference.chapter}/${difference.step}`;
		const found = places.find(
			({ row, where }) => pattern(where).test(place) && pattern(row.what).test(difference.what),
		);
		if (found === undefined) refused.push(difference);
		else {
			used.add(`${found.where} (${found.row.what})`);
			accepted.push({ difference, row: found.row });
		}
	}
	const unused = places.map(({ row, where }) => `${where} (${row.what})`).filter((place) => !used.has(place));
	return { accepted, refused, unused };
}

const placesOf = (row: AcceptedDifference): readonly string[] =>
	typeof row.where === 'string' ? [row.where] : row.where;

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
		(row) =>
			`| ${placesOf(row)
				.map((where) => `\`${cell(where)}\``)
				.join(', ')} (\`${cell(row.what)}\`) | ${cell(row.wfx)} | ${cell(row.caisson)} | ${cell(row.reason)} |`,
	);
	return ['| Where | wfx 0.6.0 | Caisson | Reason |', '|---|---|---|---|', ...lines].join('\n');
}

/** The page that carries the table. */
export const page = new URL('../../docs/wfx-compatibility.md', import.meta.url);

/** The page's text with its table replaced; what stands outside the two marks stays. */
export function withTable(text: string, table: string): string {
	const marks = /(<!-- accepted differences: written [^\n]*-->\n)[\s\S]*(<!-- accepted differences: end -->)/;
	return text.replace(marks, (_whole, start: string, end: string) => `${start}\n${table}\n\n${end}`);
}
