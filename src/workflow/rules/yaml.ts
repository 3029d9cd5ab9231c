// YAML text, of which JSON is a part, into plain values, for text that a stranger wrote: the length, the depth and the
// use of aliases are bounded, and a key that a mapping holds twice is refused, as is a second document. It knows nothing
// of workflows: parse.ts does.
// The npm package yaml is plain ECMAScript: its types need none of Node's, and it ships a browser build, so this stays
// usable in every place where rules run.

import {
	Composer,
	CST,
	type Document,
	isAlias,
	isCollection,
	isMap,
	isPair,
	isScalar,
	Lexer,
	LineCounter,
	type ParsedNode,
	Parser,
} from 'yaml';
import { CaissonError } from '../../errors.ts';

export const yamlLimits = {
	/** UTF-16 units of text. */
	length: 1024 * 1024,
	/** Collections inside one another, counted generously: an entry of a collection can count as a level too. */
	depth: 64,
	/** How often aliases may repeat one anchor, nested repeats multiplied. */
	aliases: 100,
	/** Anchors, aliases and tags together: finding the anchor of an alias walks over all of them. */
	properties: 1000,
} as const;

export type Path = readonly (string | number)[];

export interface YamlValue {
	readonly value: unknown;
	/** The 1-based line of the value at `path`, or of the nearest value around it that the text itself holds. */
	line(path: Path): number;
}

/** @throws CaissonError request-invalid naming the line and the reason */
export function readYaml(text: string): YamlValue {
	if (text.length > yamlLimits.length) {
		throw new CaissonError('request-invalid', `the text is longer than ${yamlLimits.length} characters`);
	}
	const lines = new LineCounter();
	const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
	const refuse = (offset: number, reason: string, cause?: unknown): never => {
		throw new CaissonError('request-invalid', `line ${lineAt(offset)}: ${reason}`, { cause });
	};
	const document = composed(boundedTokens(text, lines, refuse), refuse);
	const repeated = repeatedKey(document.contents);
	if (repeated !== undefined) refuse(repeated.offset, `the key ${repeated.key} is there twice`);
	return { value: plainValue(document, refuse), line: (path) => lineAt(offsetOf(document, path)) };
}

type Refuse = (offset: number, reason: string, cause?: unknown) => never;

/**
 * The parser keeps its open collections in `stack`; it is stopped before they grow, as composing them recurses. It is
 * also stopped at the first thing that could never be right and of which a text could hold a million.
 */
function boundedTokens(text: string, lines: LineCounter, refuse: Refuse): CST.Token[] {
	const parser = new Parser(lines.addNewLine);
	// Parser.parse() would report line 1 by itself; stepping it by hand does not.
	lines.addNewLine(0);
	const tokens: CST.Token[] = [];
	const add = (token: CST.Token) => {
		if (token.type === 'error') refuse(token.offset, token.message);
		tokens.push(token);
	};
	let properties = 0;
	let afterComma = false;
	for (const lexeme of new Lexer().lex(text)) {
		const type = CST.tokenType(lexeme);
		if (type === 'comma' && afterComma) refuse(parser.offset, 'nothing between two commas');
		if (type !== 'space' && type !== 'newline' && type !== 'comment') afterComma = type === 'comma';
		if (type === 'anchor' || type === 'alias' || type === 'tag') properties++;
		if (properties > yamlLimits.properties) refuse(parser.offset, 'too many anchors, aliases or tags');
		for (const token of parser.next(lexeme)) add(token);
		if (parser.stack.length > yamlLimits.depth) refuse(parser.offset, `nested deeper than ${yamlLimits.depth} levels`);
	}
	for (const token of parser.end()) add(token);
	return tokens;
}

function composed(tokens: readonly CST.Token[], refuse: Refuse): Document.Parsed {
	// uniqueKeys compares each key with each other: quadratic, so repeatedKey does it instead.
	const composer = new Composer({ merge: true, stringKeys: true, uniqueKeys: false, resolveKnownTags: false });
	let document: Document.Parsed | undefined;
	for (const next of composer.compose(tokens)) {
		const error = next.errors[0];
		if (error !== undefined) refuse(error.pos[0], error.message, error);
		if (document !== undefined) refuse(next.range[0], 'a second document begins; only one can be read');
		document = next;
	}
	if (document === undefined) throw new CaissonError('request-invalid', 'the text holds nothing');
	return document;
}

function repeatedKey(contents: ParsedNode | null): { key: string; offset: number } | undefined {
	const waiting: unknown[] = [contents];
	for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
		if (!isCollection(node)) continue;
		const keys = new Set<unknown>();
		for (const item of node.items) {
			waiting.push(isPair(item) ? item.value : item);
			if (!isMap(node) || !isPair(item) || !isScalar(item.key) || item.key.value === '<<') continue;
			if (keys.has(item.key.value)) return { key: String(item.key.value), offset: item.key.range?.[0] ?? 0 };
			keys.add(item.key.value);
		}
	}
	return undefined;
}

function plainValue(document: Document.Parsed, refuse: Refuse): unknown {
	try {
		return document.toJS({ maxAliasCount: yamlLimits.aliases });
	} catch (error) {
		// yaml throws ReferenceError for too many aliases or an alias without an anchor, and plain errors for merge keys
		// that name no mapping. None carries a position.
		return refuse(document.range[0], `aliases: ${error instanceof Error ? error.message : error}`, error);
	}
}

function offsetOf(document: Document.Parsed, path: Path): number {
	let node: unknown = document.contents;
	let offset = document.range[0];
	for (const step of path) {
		if (isAlias(node)) node = node.resolve(document);
		if (!isCollection(node)) break;
		const next: unknown = node.get(step, true);
		if (next === undefined || next === null) break;
		node = next;
		if (isCollection(next) || isScalar(next) || isAlias(next)) offset = next.range?.[0] ?? offset;
	}
	return offset;
}
