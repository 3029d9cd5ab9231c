// The one shape in which every benchmark tells its figures: the machine, the settings that matter, tables with
// ratios, notes; as text, or as JSON with --json. It judges nothing but says where a figure misses the bar that its
// row names. What is measured is each benchmark's own.

import { type Machine, machineLines } from './machine.ts';

export interface Report {
	readonly name: string;
	/** One sentence: what was measured. */
	readonly about: string;
	readonly machine: Machine;
	/** What a reader must know to repeat it: sizes, durations, durability. */
	readonly settings: Readonly<Record<string, string | number>>;
	readonly tables: readonly Table[];
	readonly notes: readonly string[];
}

export interface Table {
	readonly title: string;
	/** Who or what was measured, in the order of the columns. Rows that say what is better compare the first to the others. */
	readonly columns: readonly string[];
	readonly rows: readonly Row[];
}

export interface Row {
	readonly name: string;
	readonly unit: string;
	/** One a column; undefined: not measured. */
	readonly values: readonly (number | undefined)[];
	/** Is more or less the better? Absent: neither, and no ratio is given. */
	readonly better?: 'more' | 'less';
	/** What the first column must reach. */
	readonly bar?: Bar;
}

/** `ratio`: to the second column, as it is printed (how many times better). `value`: in the row's unit, at most or at least. */
export interface Bar {
	readonly ratio?: number;
	readonly value?: number;
}

/** How many times better the first value is than the other; undefined where that cannot be said. */
export function ratioOf(row: Row, column: number): number | undefined {
	const [first] = row.values;
	const other = row.values[column];
	if (row.better === undefined || !first || !other) return undefined;
	return row.better === 'more' ? first / other : other / first;
}

/** Whether the row reaches its bar; undefined where it has none, 'not compared' where there is no figure to judge. */
export function barMet(row: Row): boolean | 'not compared' | undefined {
	if (row.bar === undefined) return undefined;
	const { ratio, value } = row.bar;
	const [first] = row.values;
	const reached = ratioOf(row, 1);
	if ((ratio !== undefined && reached === undefined) || first === undefined) return 'not compared';
	const within = value === undefined || (row.better === 'more' ? first >= value : first <= value);
	return within && (ratio === undefined || (reached ?? 0) >= ratio);
}

/** The report for people. */
export function reportText(report: Report): string {
	const { name, about, machine, settings, tables, notes } = report;
	const lines = [`${name}: ${about}`, '', ...machineLines(machine)];
	for (const [key, value] of Object.entries(settings)) lines.push(`setting  ${key}: ${value}`);
	for (const table of tables) lines.push('', table.title, ...tableLines(table));
	if (notes.length > 0) lines.push('', ...notes.map((note) => `* ${note}`));
	return `${lines.join('\n')}\n`;
}

/** Prints the report as text, or as JSON where the words of the command have --json. */
export function printReport(report: Report, words: readonly string[]): void {
	process.stdout.write(words.includes('--json') ? `${JSON.stringify(report, undefined, '\t')}\n` : reportText(report));
}

function tableLines({ columns, rows }: Table): string[] {
	const compared = rows.some(({ better }) => better !== undefined);
	const ratios = compared ? columns.slice(1).map((other) => `to ${other}`) : [];
	const bars = rows.some(({ bar }) => bar !== undefined);
	const grid = [['', ...columns, ...ratios, ...(bars ? ['bar'] : [])]];
	for (const row of rows) {
		const values = columns.map((_, column) => figure(row.values[column]));
		const cells = ratios.map((_, index) => {
			const ratio = ratioOf(row, index + 1);
			return ratio === undefined ? '' : `${ratio.toFixed(2)}×`;
		});
		const name = row.unit === '' ? row.name : `${row.name}, ${row.unit}`;
		grid.push([name, ...values, ...cells, ...(bars ? [barText(row)] : [])]);
	}
	const widths = (grid[0] ?? []).map((_, column) => Math.max(...grid.map((cells) => cells[column]?.length ?? 0)));
	return grid.map((cells) =>
		cells
			.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
			.join('  ')
			.trimEnd(),
	);
}

function barText(row: Row): string {
	const met = barMet(row);
	if (row.bar === undefined || met === undefined) return '';
	const { ratio, value } = row.bar;
	const wanted = [
		...(ratio === undefined ? [] : [`${figure(ratio)}×`]),
		...(value === undefined ? [] : [`${row.better === 'more' ? 'at least' : 'at most'} ${figure(value)}`]),
	].join(', ');
	return `${wanted}: ${met === true ? 'met' : met === false ? 'missed' : met}`;
}

/** Three significant digits, thousands apart; '-' where nothing was measured. */
export function figure(value: number | undefined): string {
	if (value === undefined) return '-';
	if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en');
	return value.toPrecision(3);
}
