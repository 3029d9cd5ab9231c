// Reads a YAML text against a table of fields, and says of everything it refuses where it stands: the line and the
// field. It decides what is a text, a flag, a list; it leaves out what the fields mean (see specification.ts). Aliases and
// tags are refused: a specification has no use for them, and a text that grows when it is read stays impossible.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { CaissonError } from '../../errors.ts';
import { nearestName } from '../../nearest-name.ts';

/** A place in the text. `path` is for people: images[0].device. */
export interface Place {
	readonly node: Node;
	readonly path: string;
	readonly lines: LineCounter;
}

export type FieldReader<Value> = (place: Place) => Value;
export type Fields = Readonly<Record<string, FieldReader<unknown>>>;
export type ReadMapping<Table extends Fields> = { readonly [Name in keyof Table]?: ReturnType<Table[Name]> };

/** Larger texts are no specification. */
export const maximumTextLength = 1 << 20;
const maximumEntries = 10_000;

/** @throws CaissonError update-specification-invalid naming line and field */
export function refuse(place: Place, message: string): never {
	const offset = place.node.range?.[0];
	const line = offset === undefined ? '' : `Line ${place.lines.linePos(offset).line}: `;
	throw new CaissonError(
		'update-specification-invalid',
		`${line}${place.path === '' ? '' : `${place.path}: `}${message}`,
	);
}

/** The root of a YAML (or JSON) text. */
export function openYaml(text: string): Place {
	if (text.length > maximumTextLength) {
		throw new CaissonError('update-specification-invalid', `The text is longer than ${maximumTextLength} characters.`);
	}
	const lines = new LineCounter();
	const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
	const fault = document.errors[0] ?? document.warnings[0];
	if (fault !== undefined) {
		throw new CaissonError(
			'update-specification-invalid',
			`Line ${lines.linePos(fault.pos[0]).line}: ${fault.message}`,
		);
	}
	if (document.contents === null) throw new CaissonError('update-specification-invalid', 'The text is empty.');
	return { node: document.contents, path: '', lines };
}

/** The pairs of a mapping in order, each key a text. */
export function pairs(place: Place): [string, Place, Place][] {
	if (!isMap(place.node)) refuse(place, `must be a mapping, not ${described(place.node)}.`);
	if (place.node.items.length > maximumEntries) refuse(place, `has more than ${maximumEntries} entries.`);
	return place.node.items.map((pair) => {
		const key = pair.key as Node | null;
		if (!isScalar(key)) refuse(place, 'has a key that is not a text.');
		const name = typeof key.value === 'string' ? key.value : (key.source ?? '');
		const path = place.path === '' ? name : `${place.path}.${name}`;
		const value = pair.value as Node | null;
		return [name, { node: value ?? key, path, lines: place.lines }, { node: key, path, lines: place.lines }];
	});
}

/** Reads a mapping that may have these fields and no others. */
export function mapping<Table extends Fields>(
	place: Place,
	fields: Table,
	unknown?: Readonly<Record<string, string>>,
): ReadMapping<Table> {
	const result: Record<string, unknown> = {};
	for (const [name, value, key] of pairs(place)) {
		const read = Object.hasOwn(fields, name) ? fields[name] : undefined;
		if (read === undefined) {
			const hint = unknown !== undefined && Object.hasOwn(unknown, name) ? unknown[name] : undefined;
			if (hint !== undefined) refuse(key, `is not known here. ${hint}`);
			const near = nearestName(name, Object.keys(fields));
			refuse(
				key,
				near === undefined
					? `is not known here. Known: ${Object.keys(fields).join(', ')}.`
					: `is not known here. Did you mean ${JSON.stringify(near)}?`,
			);
		}
		result[name] = read(value);
	}
	return result as ReadMapping<Table>;
}

/** The elements of a sequence; a single value is no sequence. */
export function elements(place: Place): Place[] {
	if (!isSeq(place.node)) refuse(place, `must be a list, not ${described(place.node)}.`);
	if (place.node.items.length > maximumEntries) refuse(place, `has more than ${maximumEntries} entries.`);
	return place.node.items.map((item, index) => ({
		node: (item as Node | null) ?? place.node,
		path: `${place.path}[${index}]`,
		lines: place.lines,
	}));
}

/**
 * A text of 1 to `maximum` bytes, without control characters but line ends. A number is taken as it is written, so that
 * `version: 1.10` is not 1.1.
 */
export function text(maximum: number): FieldReader<string> {
	return (place) => {
		const node = place.node;
		if (!isScalar(node)) refuse(place, `must be a text, not ${described(node)}.`);
		const value = typeof node.value === 'number' || typeof node.value === 'bigint' ? node.source : node.value;
		if (typeof value !== 'string') refuse(place, `must be a text, not ${described(node)}.`);
		if (value === '') refuse(place, 'must not be empty.');
		for (let index = 0; index < value.length; index++) {
			const unit = value.charCodeAt(index);
			if ((unit < 0x20 && unit !== 0x0a && unit !== 0x09) || unit === 0x7f) refuse(place, 'has a control character.');
		}
		const bytes = new TextEncoder().encode(value).length;
		if (bytes > maximum) refuse(place, `has ${bytes} bytes; SWUpdate holds at most ${maximum} here.`);
		return value;
	};
}

export function flag(place: Place): boolean {
	if (!isScalar(place.node) || typeof place.node.value !== 'boolean') {
		refuse(place, `must be true or false, not ${described(place.node)}.`);
	}
	return place.node.value;
}

export function choice<const Word extends string>(words: readonly Word[]): FieldReader<Word> {
	return (place) => {
		const value = isScalar(place.node) ? place.node.value : undefined;
		const word = words.find((each) => each === value);
		if (word === undefined) refuse(place, `must be one of ${words.join(', ')}, not ${described(place.node)}.`);
		return word;
	};
}

export function isSequence(place: Place): boolean {
	return isSeq(place.node);
}

function described(node: Node): string {
	if (isMap(node)) return 'a mapping';
	if (isSeq(node)) return 'a list';
	if (isAlias(node)) return 'an alias (aliases are not used in a specification)';
	if (isScalar(node)) {
		if (node.value === null || node.value === undefined) return 'nothing';
		const value = String(node.source ?? node.value);
		return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
	}
	return 'this';
}
