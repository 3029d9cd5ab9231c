// How much room text takes when the font is not known: measured in widths that are generous for the common sans-serif
// fonts, so that boxes come out a little large rather than too small.

/** The width of `text` in pixels at `size` pixels. */
export function textWidth(text: string, size: number, bold = false): number {
	let ems = 0;
	for (const character of text) ems += emsOf(character);
	return ems * size * (bold ? 1.08 : 1);
}

function emsOf(character: string): number {
	if (
		/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f000}-\u{3fffd}]/u.test(
			character,
		)
	) {
		return 1.05;
	}
	if (/[ijl.,:;'|!()[\] ]/.test(character)) return 0.36;
	if (/[MWmw@%]/.test(character)) return 0.95;
	return /[\p{Lu}_+=<>]/u.test(character) ? 0.73 : 0.62;
}

export interface TextLine {
	readonly text: string;
	readonly size: number;
	readonly bold: boolean;
	/** Of the base line, from the top of the block. */
	readonly y: number;
}

/** Paragraphs broken into at most three lines each of about `wrap` characters; empty ones take no room. */
export function textLines(paragraphs: readonly { text: string; size: number; bold: boolean; wrap: number }[]): {
	lines: TextLine[];
	width: number;
	height: number;
} {
	const lines: TextLine[] = [];
	let height = 0;
	for (const { text, size, bold, wrap } of paragraphs) {
		for (const line of wrapped(text, wrap, 3)) {
			lines.push({ text: line, size, bold, y: height + size });
			height += Math.round(size * 1.45);
		}
	}
	return { lines, width: Math.max(0, ...lines.map((line) => textWidth(line.text, line.size, line.bold))), height };
}

function wrapped(text: string, wrap: number, most: number): string[] {
	const lines: string[] = [];
	let line = '';
	for (const word of text.split(/(?<=\s)/)) {
		// A word longer than a line is cut into lines of its own.
		for (const piece of word.match(new RegExp(`.{1,${wrap}}`, 'gsu')) ?? []) {
			if (line !== '' && [...line, ...piece.trimEnd()].length > wrap) {
				lines.push(line.trimEnd());
				line = '';
			}
			line += piece;
		}
	}
	if (line.trim() !== '') lines.push(line.trimEnd());
	if (lines.length <= most) return lines;
	return [...lines.slice(0, most - 1), `${lines[most - 1]}…`];
}
