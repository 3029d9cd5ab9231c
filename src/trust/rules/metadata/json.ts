// Reads JSON strictly, for documents that are signed: what two readers could understand differently is refused. That is
// duplicate names, bytes that are no UTF-8, lone surrogates, numbers that are no integers or are not exact in a double,
// and bytes after the value. One pass, linear in the length; the value comes out frozen. It leaves out what the
// value must hold (read.ts).

import { quoted, TrustFailure } from './failure.ts';
import { isWellFormed } from './well-formed.ts';

export interface JsonLimits {
	/** Bytes that are looked at; more is refused before anything is read. */
	readonly bytes: number;
	/** Objects and arrays within each other. */
	readonly depth: number;
}

export const defaultJsonLimits: JsonLimits = { bytes: 64 << 20, depth: 100 };

// Objects are instances of this, not of Object: a name such as `constructor` or `__proto__` finds nothing that the
// document does not hold, and is stored as any other. An empty prototype keeps them in the engine's compact form,
// which `Object.create(null)` does not.
const Bare = function Bare() {} as unknown as { new (): Record<string, unknown> };
Object.defineProperty(Bare, 'prototype', { value: Object.freeze(Object.create(null)), writable: false });

/** An empty object of the kind that readJson makes, for code that fills one from names that others chose. */
export function bareObject<T>(): Record<string, T> {
	return new Bare() as Record<string, T>;
}

/**
 * The value that the bytes hold, deeply frozen.
 * @throws TrustFailure trust-metadata-malformed, naming the place (in UTF-16 units from 0) and the rule
 */
export function readJson(bytes: Uint8Array, limits: JsonLimits = defaultJsonLimits): unknown {
	if (bytes.length > limits.bytes) {
		throw new TrustFailure(
			'trust-metadata-malformed',
			`the document has ${bytes.length} bytes; ${limits.bytes} are allowed`,
		);
	}
	let text: string;
	try {
		text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch (cause) {
		throw new TrustFailure('trust-metadata-malformed', 'the document is not UTF-8', {}, { cause });
	}
	const reader = new Reader(text, limits.depth);
	const value = reader.value(0);
	reader.end();
	return value;
}

class Reader {
	private at = 0;
	private readonly text: string;
	private readonly depthLimit: number;

	constructor(text: string, depthLimit: number) {
		this.text = text;
		this.depthLimit = depthLimit;
	}

	end(): void {
		if (this.skipSpace() !== -1) this.refuse('something follows the value');
	}

	value(depth: number): unknown {
		const c = this.skipSpace();
		switch (c) {
			case 0x22:
				return this.string();
			case 0x7b:
				return this.object(depth + 1);
			case 0x5b:
				return this.array(depth + 1);
			case 0x74:
				return this.word('true', true);
			case 0x66:
				return this.word('false', false);
			case 0x6e:
				return this.word('null', null);
			default:
				if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return this.integer();
				return this.refuse(c === -1 ? 'the document ends where a value is due' : 'a value is due');
		}
	}

	private object(depth: number): Readonly<Record<string, unknown>> {
		this.enter(depth);
		const object = new Bare();
		if (this.skipSpace() === 0x7d) {
			this.at++;
			return Object.freeze(object);
		}
		for (;;) {
			if (this.skipSpace() !== 0x22) this.refuse('a name in quotes is due');
			const start = this.at;
			const name = this.string();
			if (object[name] !== undefined) {
				this.at = start;
				this.refuse(`the name ${quoted(name)} stands twice in one object`);
			}
			if (this.skipSpace() !== 0x3a) this.refuse('":" is due');
			this.at++;
			object[name] = this.value(depth);
			const c = this.skipSpace();
			if (c !== 0x2c && c !== 0x7d) this.refuse('"," or "}" is due');
			this.at++;
			if (c === 0x7d) return Object.freeze(object);
		}
	}

	private array(depth: number): readonly unknown[] {
		this.enter(depth);
		const array: unknown[] = [];
		if (this.skipSpace() === 0x5d) {
			this.at++;
			return Object.freeze(array);
		}
		for (;;) {
			array.push(this.value(depth));
			const c = this.skipSpace();
			if (c !== 0x2c && c !== 0x5d) this.refuse('"," or "]" is due');
			this.at++;
			if (c === 0x5d) return Object.freeze(array);
		}
	}

	private enter(depth: number): void {
		if (depth > this.depthLimit) this.refuse(`more than ${this.depthLimit} objects and arrays within each other`);
		this.at++;
	}

	private string(): string {
		const { text } = this;
		const start = ++this.at;
		let simple = true;
		for (;;) {
			const c = text.charCodeAt(this.at);
			if (c === 0x22) break;
			if (c === 0x5c) {
				simple = false;
				this.at += 2;
			} else if (c >= 0x20) this.at++;
			else this.refuse(c < 0x20 ? 'a control character stands in a string' : 'a string does not end');
		}
		const raw = text.slice(start, this.at);
		const end = ++this.at;
		if (simple) return raw;
		this.at = start;
		const value = raw.replace(/\\(u[0-9a-fA-F]{4}|.|$)/gsu, (_, after: string) => this.unescaped(after));
		if (!isWellFormed(value)) this.refuse('a string holds half of a surrogate pair');
		this.at = end;
		return value;
	}

	private unescaped(after: string): string {
		if (after.length === 5) return String.fromCharCode(Number.parseInt(after.slice(1), 16));
		return escapes.get(after) ?? this.refuse('a string holds an unknown escape');
	}

	private integer(): number {
		const { text } = this;
		const start = this.at;
		if (text.charCodeAt(this.at) === 0x2d) this.at++;
		const first = text.charCodeAt(this.at);
		let c = first;
		while (c >= 0x30 && c <= 0x39) c = text.charCodeAt(++this.at);
		const digits = text.slice(start, this.at);
		if (c === 0x2e || c === 0x65 || c === 0x45) this.refuse('a number is not an integer');
		if (!(first >= 0x30 && first <= 0x39)) this.refuse('a number has no digits');
		if (first === 0x30 && digits !== '0') this.refuse('a number begins with 0, or is -0');
		const value = digits.length > 17 ? Number.NaN : Number(digits);
		if (!Number.isSafeInteger(value)) this.refuse('a number is larger than 2^53 - 1');
		return value;
	}

	private word<T>(word: string, value: T): T {
		if (!this.text.startsWith(word, this.at)) this.refuse('a value is due');
		this.at += word.length;
		return value;
	}

	/** The next character that is no white space, not yet consumed; -1 at the end. */
	private skipSpace(): number {
		const { text } = this;
		for (;;) {
			const c = text.charCodeAt(this.at);
			if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return Number.isNaN(c) ? -1 : c;
			this.at++;
		}
	}

	private refuse(rule: string): never {
		const place = Math.min(this.at, this.text.length);
		throw new TrustFailure('trust-metadata-malformed', `the document is not strict JSON: at ${place}, ${rule}`);
	}
}

const escapes: ReadonlyMap<string, string> = new Map([
	['"', '"'],
	['\\', '\\'],
	['/', '/'],
	['b', '\b'],
	['f', '\f'],
	['n', '\n'],
	['r', '\r'],
	['t', '\t'],
]);
