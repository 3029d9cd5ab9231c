// Finds the commands of a Markdown page: the lines of its fenced blocks marked `sh`, with lines that a backslash
// continues joined. It leaves out running them (readme.test.ts).

export interface Command {
	/** As a person would type it, without comments. */
	readonly text: string;
	/** Where it begins in the page, counted from 1. */
	readonly line: number;
}

/** Removes a comment that stands alone or behind spaces; `#` inside quotes is not looked for in such lines. */
function withoutComment(line: string): string {
	return /['"]/.test(line) ? line : line.replace(/(^|\s)#.*$/, '');
}

/** The commands of a page, in its order. */
export function commandsOf(page: string): Command[] {
	const commands: Command[] = [];
	let inside = false;
	let begun: { text: string; line: number } | undefined;
	page.split('\n').forEach((raw, index) => {
		if (/^\s*```/.test(raw)) {
			inside = !inside && /^\s*```sh\s*$/.test(raw);
			begun = undefined;
			return;
		}
		const text = inside ? withoutComment(raw).trimEnd() : '';
		if (text.trim() === '') return;
		const joined = begun === undefined ? { text: text.trim(), line: index + 1 } : { ...begun, text: begun.text + text };
		if (joined.text.endsWith('\\')) {
			begun = { ...joined, text: `${joined.text.slice(0, -1).trimEnd()} ` };
			return;
		}
		begun = undefined;
		commands.push({ ...joined, text: joined.text.replace(/\s+/g, (space) => (space.includes('\t') ? ' ' : space)) });
	});
	return commands;
}
