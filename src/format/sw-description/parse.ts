// Reads libconfig text (the syntax of sw-description) as libconfig 1.5 to 1.7 does: comments, strings with escapes that
// join when they stand side by side, decimal and hexadecimal integers, floats, arrays, lists, groups. Length, depth and
// the number of values are bounded. It leaves out @include, which it refuses: a description is one file.

import { CaissonError } from '../../errors.ts';
import { type LibconfigGroup, type LibconfigScalar, type LibconfigValue, settingName } from './libconfig.ts';

/** Characters; SWUpdate devices usually allow far less (sw-description-max-size). */
export const maximumDescriptionLength = 1 << 20;
const maximumDepth = 32;
const maximumValues = 100_000;

/** @throws CaissonError update-malformed naming the line and the rule */
export function parseLibconfig(text: string): LibconfigGroup {
	if (text.length > maximumDescriptionLength) {
		throw new CaissonError('update-malformed', `The text is longer than ${maximumDescriptionLength} characters.`);
	}
	const parser = new Parser(text);
	return { kind: 'group', settings: parser.settings(undefined, 0) };
}

class Parser {
	readonly #text: string;
	#at = 0;
	#values = 0;

	constructor(text: string) {
		this.#text = text;
	}

	/** Settings up to the closing brace, or up to the end of the text. */
	settings(close: '}' | undefined, depth: number): Map<string, LibconfigValue> {
		const settings = new Map<string, LibconfigValue>();
		for (;;) {
			this.#skip();
			if (this.#at >= this.#text.length) {
				if (close === undefined) return settings;
				throw this.#fault('a group is not closed with "}"');
			}
			if (close !== undefined && this.#take(close)) return settings;
			const name = this.#name();
			this.#skip();
			if (!this.#take('=') && !this.#take(':')) throw this.#fault(`"=" or ":" is missing after ${name}`);
			if (settings.has(name)) throw this.#fault(`${name} is there twice`);
			settings.set(name, this.#value(depth + 1));
			this.#skip();
			if (!this.#take(';')) this.#take(',');
		}
	}

	#name(): string {
		const found = this.#match(/[A-Za-z*][-A-Za-z0-9_*]*/y);
		if (found === undefined || !settingName.test(found)) throw this.#fault('a name is missing');
		return found;
	}

	#value(depth: number): LibconfigValue {
		if (depth > maximumDepth) throw this.#fault(`values are nested deeper than ${maximumDepth}`);
		this.#values++;
		if (this.#values > maximumValues) throw this.#fault(`there are more than ${maximumValues} values`);
		this.#skip();
		if (this.#take('{')) return { kind: 'group', settings: this.settings('}', depth) };
		if (this.#take('(')) return { kind: 'list', values: this.#elements(')', depth) };
		if (this.#take('[')) {
			const values = this.#elements(']', depth);
			if (values.some((value) => typeof value === 'object')) throw this.#fault('an array holds more than plain values');
			return { kind: 'array', values: values as LibconfigScalar[] };
		}
		if (this.#text[this.#at] === '"') return this.#strings();
		return this.#numberOrFlag();
	}

	#elements(close: ')' | ']', depth: number): LibconfigValue[] {
		const values: LibconfigValue[] = [];
		for (;;) {
			this.#skip();
			if (this.#take(close)) return values;
			values.push(this.#value(depth + 1));
			this.#skip();
			if (this.#take(',')) continue;
			this.#skip();
			if (this.#take(close)) return values;
			throw this.#fault(`"," or "${close}" is missing`);
		}
	}

	/** Strings that stand side by side are one. */
	#strings(): string {
		let text = '';
		while (this.#text[this.#at] === '"') {
			text += this.#string();
			this.#skip();
		}
		return text;
	}

	#string(): string {
		let text = '';
		this.#at++;
		for (;;) {
			const plain = this.#match(/[^"\\]+/y);
			if (plain !== undefined) text += plain;
			const next = this.#text[this.#at];
			if (next === undefined) throw this.#fault('a string is not closed');
			this.#at++;
			if (next === '"') return text;
			text += this.#escape();
		}
	}

	#escape(): string {
		const hexadecimal = this.#match(/x[0-9A-Fa-f]{2}/y);
		if (hexadecimal !== undefined) return String.fromCharCode(Number.parseInt(hexadecimal.slice(1), 16));
		const known = escapes[this.#text[this.#at] ?? ''];
		if (known === undefined) return '\\'; // as libconfig: a lone backslash stands for itself
		this.#at++;
		return known;
	}

	#numberOrFlag(): LibconfigScalar {
		const word = this.#match(/[-+.A-Za-z0-9]+/y);
		if (word === undefined) throw this.#fault('a value is missing');
		const lower = word.toLowerCase();
		if (lower === 'true') return true;
		if (lower === 'false') return false;
		const [, digits] = /^([-+]?[0-9]{1,20}|0x[0-9a-f]{1,16})l{0,2}$/.exec(lower) ?? [];
		if (digits !== undefined) return integer(digits);
		if (/^[-+]?([0-9]*\.[0-9]*(e[-+]?[0-9]+)?|[0-9]+e[-+]?[0-9]+)$/.test(lower) && /[0-9]/.test(lower)) {
			const value = Number(lower);
			if (Number.isFinite(value)) return value;
		}
		throw this.#fault(`${JSON.stringify(word.slice(0, 40))} is not a value`);
	}

	/** White space and comments: # and // to the end of the line, and slash-star ones. */
	#skip(): void {
		for (;;) {
			this.#match(/\s+/y);
			if (this.#match(/#[^\n]*|\/\/[^\n]*/y) !== undefined) continue;
			if (!this.#text.startsWith('/*', this.#at)) break;
			const end = this.#text.indexOf('*/', this.#at + 2);
			if (end < 0) throw this.#fault('a comment is not closed');
			this.#at = end + 2;
		}
		if (this.#text.startsWith('@include', this.#at)) throw this.#fault('@include is not supported');
	}

	#take(character: string): boolean {
		if (this.#text[this.#at] !== character) return false;
		this.#at++;
		return true;
	}

	#match(pattern: RegExp): string | undefined {
		pattern.lastIndex = this.#at;
		const found = pattern.exec(this.#text)?.[0];
		if (found !== undefined) this.#at += found.length;
		return found;
	}

	#fault(rule: string): CaissonError {
		let line = 1;
		for (
			let index = this.#text.indexOf('\n');
			index >= 0 && index < this.#at;
			index = this.#text.indexOf('\n', index + 1)
		) {
			line++;
		}
		return new CaissonError('update-malformed', `Line ${line} of sw-description: ${rule}.`);
	}
}

const escapes: Readonly<Record<string, string>> = {
	'"': '"',
	'\\': '\\',
	a: '\x07',
	b: '\b',
	f: '\f',
	n: '\n',
	r: '\r',
	t: '\t',
	v: '\v',
};

function integer(digits: string): number | bigint {
	const negative = digits.startsWith('-');
	const value = BigInt(digits.replace(/^[-+]/, ''));
	const signed = negative ? -value : value;
	const small = Number(signed);
	return Number.isSafeInteger(small) ? small : signed;
}
