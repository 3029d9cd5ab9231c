// The checks of single fields that reading metadata is made of. A place is a chain of names that becomes text only when
// a rule is broken, so that checking costs no strings.

import { quoted } from './failure.ts';

export interface Where {
	readonly parent: Where | undefined;
	readonly name: string | number;
}

/** A rule that is broken at a place; becomes a TrustFailure at the edge. */
export class Fault extends Error {
	constructor(where: Where, rule: string) {
		const place = placeText(where);
		super(place === '' ? rule : `${place}: ${rule}`);
	}
}

export function at(parent: Where, name: string | number): Where {
	return { parent, name };
}

function placeText(where: Where): string {
	const names: string[] = [];
	for (let w: Where | undefined = where; w !== undefined; w = w.parent) {
		if (typeof w.name === 'number') names.push(`[${w.name}]`);
		else if (w.name !== '')
			names.push(/^[A-Za-z_][A-Za-z0-9_]{0,60}$/.test(w.name) ? `.${w.name}` : `[${quoted(w.name)}]`);
	}
	return names.reverse().join('').replace(/^\./, '');
}

export function object(value: unknown, where: Where): Readonly<Record<string, unknown>> {
	if (typeof value !== 'object' || value === null || Array.isArray(value))
		throw new Fault(where, due('an object', value));
	return value as Readonly<Record<string, unknown>>;
}

export function string(value: unknown, where: Where): string {
	if (typeof value !== 'string') throw new Fault(where, due('a string', value));
	return value;
}

export function boolean(value: unknown, where: Where): boolean {
	if (typeof value !== 'boolean') throw new Fault(where, due('true or false', value));
	return value;
}

/** A safe integer from `minimum` to `maximum`. */
export function integer(value: unknown, where: Where, minimum: number, maximum = Number.MAX_SAFE_INTEGER): number {
	if (!Number.isSafeInteger(value)) throw new Fault(where, due('an integer', value));
	const number = value as number;
	if (number < minimum) throw new Fault(where, `${number} is less than ${minimum}`);
	if (number > maximum) throw new Fault(where, `${number} is more than ${maximum}`);
	return number;
}

export function list(value: unknown, where: Where, check: (item: unknown, where: Where) => void): void {
	if (!Array.isArray(value)) throw new Fault(where, due('an array', value));
	for (let i = 0; i < value.length; i++) check(value[i], at(where, i));
}

/** An object as a map: every value is checked, under its name. */
export function map(value: unknown, where: Where, check: (item: unknown, where: Where) => void): void {
	const entries = object(value, where);
	for (const name of Object.keys(entries)) check(entries[name], at(where, name));
}

function due(what: string, value: unknown): string {
	return value === undefined ? `it is missing; ${what} is due` : `${what} is due`;
}
