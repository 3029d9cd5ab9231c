// Text from outside on a terminal: which characters are shown instead of obeyed, and how wide a text is. A device
// chooses its own messages, so an escape sequence in one must not reach the operator's terminal. It leaves out colour
// (see console-terminal.ts, which adds it after this).

// C0 and C1 controls, DEL, line separators, and the marks that reorder text (Unicode UAX #9, section 2).
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const obeyed = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** The text on one line: every character that a terminal would obey is written as an escape, e.g. \u001b, \n. */
export function printable(text: string): string {
	return text.replace(obeyed, (character) => {
		if (character === '\n') return '\\n';
		if (character === '\t') return ' ';
		return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
	});
}

// The sequences that Terminal.style writes, so that they pass.
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const ownColours = /(\u001b\[(?:0|1|2|31|32|33)m)/;

/** As printable, but line breaks and (where `colours`) the colours of Terminal.style pass. */
export function printableLines(text: string, colours: boolean): string {
	return text
		.split(ownColours)
		.map((part, index) => {
			if (index % 2 === 1) return colours ? part : '';
			return part.replaceAll('\t', '    ').split('\n').map(printable).join('\n');
		})
		.join('');
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
// East Asian Width W and F (Unicode UAX #11), by block; emoji have a property of their own.
const wide =
	/^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{17000}-\u{18d08}\u{1b000}-\u{1b2fb}\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}/u;
const invisible = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const plainAscii = /^[\u0020-\u007e]*$/;

/** Columns that a terminal gives to the text; colours of Terminal.style take none. */
export function displayWidth(text: string): number {
	if (plainAscii.test(text)) return text.length;
	let width = 0;
	for (const part of text.split(ownColours)) {
		if (ownColours.test(part)) continue;
		for (const { segment } of segmenter.segment(part)) {
			if (!invisible.test(segment)) width += wide.test(segment) ? 2 : 1;
		}
	}
	return width;
}

/** The text cut to `columns`, with an ellipsis where something was cut. For plain text without colours. */
export function fitTo(text: string, columns: number): string {
	if (displayWidth(text) <= columns) return text;
	let kept = '';
	let width = 0;
	for (const { segment } of segmenter.segment(text)) {
		width += displayWidth(segment);
		if (width > columns - 1) break;
		kept += segment;
	}
	return `${kept}…`;
}
