// Finds what a TypeScript or JavaScript source file imports: static imports and re-exports (also of types only),
// import(), import types, require(), and `new URL('./x', import.meta.url)`, which is how workers are named. It reads
// tokens, so that text in comments, strings, templates and regular expressions is not taken for an import. It resolves
// nothing and judges nothing.

/** One import as it stands in the source. */
export interface Import {
	/** What is imported; undefined where it is computed at run time. */
	readonly specifier: string | undefined;
	/** Counted from 1. */
	readonly line: number;
}

type Kind = 'word' | 'string' | 'punctuation' | 'expression';

interface Token {
	readonly kind: Kind;
	/** The word or the mark itself; for a string its content. */
	readonly text: string;
	readonly line: number;
}

/** After one of these a slash begins a regular expression; after any other word it divides. */
const wordsBeforeExpression = new Set(
	'return typeof instanceof in of new delete void throw case do else yield await extends default'.split(' '),
);

const lexeme =
	/(?<space>\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|^#![^\n]*)|(?<string>'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*")|(?<word>[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*)|(?<number>\.?\d(?:[eE][+-]|[\w.])*)|(?<mark>[\s\S])/uy;
const regularExpression = /\/(?:[^/\\[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n])*\])+\/[a-z]*/uy;

function beginsExpression(before: Token | undefined): boolean {
	if (before === undefined) return true;
	if (before.kind === 'word') return wordsBeforeExpression.has(before.text);
	if (before.kind === 'punctuation') return before.text !== ')' && before.text !== ']' && before.text !== '}';
	return false;
}

/** The tokens of a source; a template is one 'expression' token followed by the tokens of its substitutions. */
function tokens(source: string): Token[] {
	const found: Token[] = [];
	// For each template that is open: how many braces its present substitution has open.
	const templates: number[] = [];
	let position = 0;
	let line = 1;
	const take = (text: string) => {
		position += text.length;
		for (const character of text) if (character === '\n') line += 1;
	};
	const templateText = () => {
		const rest = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{|$)/uy;
		rest.lastIndex = position;
		const text = rest.exec(source)?.[0] ?? '';
		take(text);
		if (text.endsWith('${')) templates.push(0);
	};
	while (position < source.length) {
		if (
			source[position] === '/' &&
			beginsExpression(found.at(-1)) &&
			!/^\/[/*]/.test(source.slice(position, position + 2))
		) {
			regularExpression.lastIndex = position;
			const match = regularExpression.exec(source);
			if (match) {
				found.push({ kind: 'expression', text: '/', line });
				take(match[0]);
				continue;
			}
		}
		lexeme.lastIndex = position;
		const match = lexeme.exec(source);
		if (!match?.groups) break;
		const at = line;
		take(match[0]);
		const { space, string, word, mark } = match.groups;
		if (space !== undefined) continue;
		if (string !== undefined) found.push({ kind: 'string', text: string.slice(1, -1), line: at });
		else if (word !== undefined) found.push({ kind: 'word', text: word, line: at });
		else if (mark === '`') {
			found.push({ kind: 'expression', text: '`', line: at });
			templateText();
		} else if (mark !== undefined) {
			const open = templates.at(-1);
			if (mark === '}' && open === 0) {
				templates.pop();
				templateText();
				continue;
			}
			if (open !== undefined && mark === '{') templates[templates.length - 1] = open + 1;
			if (open !== undefined && mark === '}') templates[templates.length - 1] = open - 1;
			found.push({ kind: 'punctuation', text: mark, line: at });
		} else found.push({ kind: 'expression', text: match[0], line: at });
	}
	return found;
}

const is = (token: Token | undefined, text: string) =>
	token !== undefined && token.kind !== 'string' && token.text === text;

/** The string of a static import or re-export that begins at `start`; undefined where it names no module. */
function fromClause(all: readonly Token[], start: number): Token | undefined {
	const first = all[start + 1];
	if (first?.kind === 'string') return is(all[start], 'import') ? first : undefined;
	let depth = 0;
	for (let index = start + 1; index < all.length; index += 1) {
		const token = all[index] as Token;
		if (is(token, '{')) depth += 1;
		else if (is(token, '}')) depth -= 1;
		else if (depth === 0) {
			if (is(token, 'from') && all[index + 1]?.kind === 'string') return all[index + 1];
			// Between `import` or `export` and its `from` stand names, `type`, `*`, `as` and commas only.
			if (token.kind !== 'word' && !is(token, '*') && !is(token, ',')) return undefined;
		}
	}
	return undefined;
}

/** Everything that `source` imports, in the order of the source. */
export function importsOf(source: string): Import[] {
	const all = tokens(source);
	const found: Import[] = [];
	all.forEach((token, index) => {
		if (token.kind !== 'word' || is(all[index - 1], '.')) return;
		const next = all[index + 1];
		const called = is(next, '(');
		if ((token.text === 'import' || token.text === 'require') && called) {
			const argument = all[index + 2];
			const literal = argument?.kind === 'string' && (is(all[index + 3], ')') || is(all[index + 3], ','));
			found.push({ specifier: literal ? argument.text : undefined, line: token.line });
		} else if (token.text === 'import' || token.text === 'export') {
			const clause = fromClause(all, index);
			if (clause) found.push({ specifier: clause.text, line: clause.line });
		} else if (token.text === 'URL' && called && is(all[index - 1], 'new')) {
			const words = all.slice(index + 3, index + 8).map((part) => part.text);
			const argument = all[index + 2];
			if (argument?.kind === 'string' && words.join(' ') === ', import . meta .' && is(all[index + 8], 'url')) {
				if (/\.[cm]?[jt]sx?$/.test(argument.text)) found.push({ specifier: argument.text, line: token.line });
			}
		}
	});
	return found;
}
