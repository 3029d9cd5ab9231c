// The values of libconfig, the syntax of sw-description, and their text. Libconfig has three brackets with three
// meanings: a group has named settings, a list holds anything, an array holds scalars. This file writes; parse.ts
// reads. It leaves out what the settings mean: see description.ts.

import { CaissonError } from '../../errors.ts';

export interface LibconfigGroup {
	readonly kind: 'group';
	readonly settings: ReadonlyMap<string, LibconfigValue>;
}

export interface LibconfigList {
	readonly kind: 'list';
	readonly values: readonly LibconfigValue[];
}

export interface LibconfigArray {
	readonly kind: 'array';
	readonly values: readonly LibconfigScalar[];
}

/** Integers beyond 2^53 are bigint. */
export type LibconfigScalar = string | number | bigint | boolean;

export type LibconfigValue = LibconfigScalar | LibconfigGroup | LibconfigList | LibconfigArray;

export const settingName = /^[A-Za-z*][-A-Za-z0-9_*]*$/;

/** A group of these settings, in this order; undefined ones are left out. */
export function group(settings: Readonly<Record<string, LibconfigValue | undefined>>): LibconfigGroup {
	const kept = new Map<string, LibconfigValue>();
	for (const [name, value] of Object.entries(settings)) if (value !== undefined) kept.set(name, value);
	return { kind: 'group', settings: kept };
}

export function list(values: readonly LibconfigValue[]): LibconfigList {
	return { kind: 'list', values };
}

export function array(values: readonly LibconfigScalar[]): LibconfigArray {
	return { kind: 'array', values };
}

/**
 * The text of a whole configuration: the settings of the root group, one a line, indented with tabs, the same text for
 * the same values.
 * @throws CaissonError update-specification-invalid for a name or a string that libconfig cannot hold
 */
export function writeLibconfig(root: LibconfigGroup): string {
	return settings(root, 0);
}

function settings(from: LibconfigGroup, depth: number): string {
	let text = '';
	for (const [name, value] of from.settings) {
		if (!settingName.test(name)) {
			throw new CaissonError(
				'update-specification-invalid',
				`${JSON.stringify(name)} cannot be a name in sw-description: a letter, then letters, digits, "-" and "_".`,
			);
		}
		text += `${'\t'.repeat(depth)}${name} = ${written(value, depth)};\n`;
	}
	return text;
}

function written(value: LibconfigValue, depth: number): string {
	if (typeof value === 'string') return quoted(value);
	if (typeof value === 'number') return writtenNumber(value);
	if (typeof value === 'bigint') return `${value}L`;
	if (typeof value === 'boolean') return value ? 'true' : 'false';
	const indent = '\t'.repeat(depth);
	if (value.kind === 'group') return `{\n${settings(value, depth + 1)}${indent}}`;
	const [open, close] = value.kind === 'list' ? ['(', ')'] : ['[', ']'];
	if (value.values.length === 0) return `${open} ${close}`;
	if (value.kind === 'array') return `${open} ${value.values.map((each) => written(each, depth)).join(', ')} ${close}`;
	const inner = value.values.map((each) => `${indent}\t${written(each, depth + 1)}`).join(',\n');
	return `${open}\n${inner}\n${indent}${close}`;
}

/** Libconfig takes an integer without suffix as 32 bits and cuts what is larger; "L" makes it 64. */
function writtenNumber(value: number): string {
	if (Number.isSafeInteger(value)) return Math.abs(value) > 0x7fff_ffff ? `${value}L` : String(value);
	if (!Number.isFinite(value)) {
		throw new CaissonError('update-specification-invalid', `${value} cannot be written in sw-description.`);
	}
	const text = String(value);
	return /[.e]/.test(text) ? text : `${text}.0`;
}

const escapes: Readonly<Record<string, string>> = {
	'"': '\\"',
	'\\': '\\\\',
	'\n': '\\n',
	'\r': '\\r',
	'\t': '\\t',
	'\f': '\\f',
};

function quoted(text: string): string {
	let result = '"';
	for (const character of text) {
		const code = character.codePointAt(0) as number;
		if (code === 0) {
			throw new CaissonError('update-specification-invalid', 'A text in sw-description cannot hold a NUL character.');
		}
		const short = escapes[character];
		if (short !== undefined) result += short;
		else if (code < 0x20 || code === 0x7f) result += `\\x${code.toString(16).padStart(2, '0')}`;
		else result += character;
	}
	return `${result}"`;
}
