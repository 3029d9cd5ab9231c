// Rows of text as aligned columns, by display width. It leaves out where the lines go (see console-terminal.ts).

import { displayWidth, printableLines } from './printable.ts';
import type { Column } from './terminal.ts';

const gap = '  ';

/** The header and one line a row; every cell on one line. `heading` marks the header's words. */
export function tableLines<Row>(
	rows: readonly Row[],
	columns: readonly Column<Row>[],
	heading: (text: string) => string,
): string[] {
	const cells = rows.map((row) =>
		columns.map((column) => printableLines(column.value(row).replaceAll('\n', '\\n'), true)),
	);
	const widths = columns.map((column, index) =>
		Math.max(displayWidth(column.title), ...cells.map((row) => displayWidth(row[index] ?? ''))),
	);
	const line = (texts: readonly string[]) =>
		texts
			.map((text, index) => {
				const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - displayWidth(text)));
				if (columns[index]?.align === 'right') return padding + text;
				return index === texts.length - 1 ? text : text + padding;
			})
			.join(gap)
			.trimEnd();
	return [line(columns.map((column) => heading(column.title))), ...cells.map(line)];
}
