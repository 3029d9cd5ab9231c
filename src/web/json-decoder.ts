// Reads a JSON body as Go's encoding/json reads it for siemens/wfx, where that differs from JSON.parse: only the first
// value counts and what follows it is ignored, lone surrogates become U+FFFD, numbers whose spelling matters are kept
// with it, and a syntax error is named in Go's words. JSON.parse does the work; the scanner below runs only where it refused.

/**
 * A number whose spelling matters to Go: an integer written with a fraction or an exponent (1e2, 5.0), which no Go
 * integer takes, or a number beyond a double, which nothing takes. See `settleNumbers` in request-checking.ts.
 */
export class SpelledNumber {
	readonly text: string;

	constructor(text: string) {
		this.text = text;
	}

	get value(): number {
		return Number(this.text);
	}
}

export type DecodedJson = { readonly value: unknown } | { readonly problem: string };

export function decodeJson(bytes: Uint8Array): DecodedJson {
	const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
	try {
		if (mayBeTooDeep(text)) throw new RangeError('looked at by the scanner');
		return checked(text, JSON.parse(text));
	} catch {
		const scanned = scanFirstValue(text);
		if ('problem' in scanned) return scanned;
		const first = text.slice(0, scanned.end);
		return checked(first, JSON.parse(first));
	}
}

/** What JSON.parse lets through and Go does not; looked for only where the text can hold it. */
function checked(text: string, value: unknown): DecodedJson {
	const spelled = /[:,[]\s*-?\d+[.eE]|\d{309}/.test(text) ? parseWithSources(text, spelledNumber) : value;
	return { value: /\\u[dD][89a-fA-F]/.test(text) ? wellFormed(spelled) : spelled };
}

/** JSON.parse as ECMAScript 2026 has it: the reviver is told how a number was written. */
const parseWithSources = JSON.parse as (
	text: string,
	reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

function spelledNumber(_key: string, value: unknown, { source = '' }: { readonly source?: string }): unknown {
	if (typeof value !== 'number') return value;
	const wholeButNotPlain = Number.isInteger(value) && /[.eE]/.test(source);
	return wholeButNotPlain || !Number.isFinite(value) ? new SpelledNumber(source) : value;
}

/** Only a text with that many brackets can be nested that deep; most have a handful. */
function mayBeTooDeep(text: string): boolean {
	if (text.length <= maxDepth) return false;
	let opened = 0;
	for (let at = 0; at < text.length; at++) {
		const char = text.charCodeAt(at);
		if ((char === 0x5b || char === 0x7b) && ++opened > maxDepth) return true;
	}
	return false;
}

function wellFormed(value: unknown): unknown {
	if (typeof value === 'string') return value.toWellFormed();
	if (Array.isArray(value)) return value.map(wellFormed);
	if (typeof value !== 'object' || value === null || value instanceof SpelledNumber) return value;
	return Object.fromEntries(Object.entries(value).map(([key, member]) => [key.toWellFormed(), wellFormed(member)]));
}

/** encoding/json's own limit. */
const maxDepth = 10_000;

class Malformed extends Error {}

/** Where the first value ends, or what is wrong with it. */
function scanFirstValue(text: string): { readonly end: number } | { readonly problem: string } {
	try {
		return { end: new Scanner(text).value() };
	} catch (error) {
		if (error instanceof Malformed) return { problem: error.message };
		throw error;
	}
}

/** Go's scanner as far as its messages need it: containers are kept on a list, so depth costs no stack. */
class Scanner {
	readonly #text: string;
	#at = 0;

	constructor(text: string) {
		this.#text = text;
	}

	value(): number {
		const open: ('[' | '{')[] = [];
		this.#space();
		if (this.#at >= this.#text.length) throw new Malformed('EOF');
		for (;;) {
			const begun = this.#begin(open);
			if (begun === 'container') continue;
			// A value has ended: so may the containers around it.
			for (;;) {
				const container = open.at(-1);
				if (container === undefined) return this.#at;
				this.#space();
				const char = this.#need();
				if (char === ',') {
					this.#at++;
					if (container === '{') this.#key('looking for beginning of object key string');
					break;
				}
				if (char !== (container === '[' ? ']' : '}')) {
					throw this.#unexpected(container === '[' ? 'after array element' : 'after object key:value pair');
				}
				this.#at++;
				open.pop();
			}
		}
	}

	/** Reads a scalar, or opens a container; an empty one is closed at once. */
	#begin(open: ('[' | '{')[]): 'value' | 'container' {
		this.#space();
		const char = this.#need();
		if (char === '{' || char === '[') {
			if (open.length >= maxDepth) throw this.#unexpected('exceeded max depth');
			this.#at++;
			this.#space();
			if (this.#need() === (char === '{' ? '}' : ']')) {
				this.#at++;
				return 'value';
			}
			open.push(char);
			if (char === '{') this.#key('looking for beginning of object key string');
			return 'container';
		}
		if (char === '"') this.#string();
		else if (char === '-' || /\d/.test(char)) this.#number();
		else this.#literal();
		return 'value';
	}

	#key(place: string): void {
		this.#space();
		if (this.#need() !== '"') throw this.#unexpected(place);
		this.#string();
		this.#space();
		if (this.#need() !== ':') throw this.#unexpected('after object key');
		this.#at++;
	}

	#string(): void {
		for (this.#at++; ; this.#at++) {
			const char = this.#need();
			if (char === '"') break;
			if (char < ' ') throw this.#unexpected('in string literal');
			if (char !== '\\') continue;
			this.#at++;
			const escaped = this.#need();
			if (!'"\\/bfnrtu'.includes(escaped)) throw this.#unexpected('in string escape code');
			for (let digit = 0; escaped === 'u' && digit < 4; digit++) {
				this.#at++;
				if (!/[\da-fA-F]/.test(this.#need())) throw this.#unexpected('in \\u hexadecimal character escape');
			}
		}
		this.#at++;
	}

	#number(): void {
		if (this.#text[this.#at] === '-') {
			this.#at++;
			if (!/\d/.test(this.#need())) throw this.#unexpected('in numeric literal');
		}
		if (this.#text[this.#at] === '0') this.#at++;
		else this.#digits();
		if (this.#text[this.#at] === '.') {
			this.#at++;
			if (!/\d/.test(this.#need())) throw this.#unexpected('after decimal point in numeric literal');
			this.#digits();
		}
		if (/[eE]/.test(this.#text[this.#at] ?? '')) {
			this.#at++;
			if (/[+-]/.test(this.#need())) this.#at++;
			if (!/\d/.test(this.#need())) throw this.#unexpected('in exponent of numeric literal');
			this.#digits();
		}
	}

	#digits(): void {
		while (/\d/.test(this.#text[this.#at] ?? '')) this.#at++;
	}

	#literal(): void {
		const word = ['true', 'false', 'null'].find((one) => one[0] === this.#text[this.#at]);
		if (word === undefined) throw this.#unexpected('looking for beginning of value');
		for (const letter of word) {
			if (this.#need() !== letter) throw this.#unexpected(`in literal ${word} (expecting '${letter}')`);
			this.#at++;
		}
	}

	#space(): void {
		while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at++;
	}

	#need(): string {
		const char = this.#text[this.#at];
		if (char === undefined) throw new Malformed('unexpected EOF');
		return char;
	}

	#unexpected(place: string): Malformed {
		return new Malformed(`invalid character ${quoted(this.#text.codePointAt(this.#at) ?? 0)} ${place}`);
	}
}

/** Go quotes the first byte of the character, read as a code point of its own. */
function quoted(codePoint: number): string {
	const [byte = 0] = new TextEncoder().encode(String.fromCodePoint(codePoint));
	const named: Readonly<Record<number, string>> = {
		7: '\\a',
		8: '\\b',
		9: '\\t',
		10: '\\n',
		11: '\\v',
		12: '\\f',
		13: '\\r',
	};
	if (byte === 0x27) return "'\\''";
	if (byte === 0x22) return "'\"'";
	if (byte === 0x5c) return "'\\\\'";
	const printable = byte >= 0x20 && byte !== 0x7f && (byte < 0x80 || byte > 0xa0) && byte !== 0xad;
	if (printable) return `'${String.fromCharCode(byte)}'`;
	return `'${named[byte] ?? `\\x${byte.toString(16).padStart(2, '0')}`}'`;
}
