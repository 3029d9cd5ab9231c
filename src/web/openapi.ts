// Checks a request against an OpenAPI 3.0 document: the document that is served is the one that is enforced. The
// messages are those of siemens/wfx (its kin-openapi and oapi-codegen), since a drop-in answers with the same words; a
// general validator would check the same but say it otherwise. Only the keywords that Caisson's documents use are
// known, and a document with any other is refused at start. It knows no noun.

import { CaissonError } from '../errors.ts';
import { SpelledNumber } from './json-decoder.ts';

export interface Schema {
	readonly $ref?: string;
	readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
	readonly format?: string;
	readonly enum?: readonly unknown[];
	readonly minLength?: number;
	readonly maxLength?: number;
	readonly pattern?: string;
	readonly minimum?: number;
	readonly maximum?: number;
	readonly minItems?: number;
	readonly maxItems?: number;
	readonly items?: Schema;
	readonly properties?: Readonly<Record<string, Schema>>;
	readonly additionalProperties?: Schema | boolean;
	readonly required?: readonly string[];
	readonly readOnly?: boolean;
	readonly nullable?: boolean;
	readonly default?: unknown;
}

export interface Parameter {
	readonly $ref?: string;
	readonly name: string;
	readonly in: 'query' | 'header' | 'path';
	readonly schema: Schema;
}

export interface Operation {
	readonly tags?: readonly string[];
	readonly parameters?: readonly Parameter[];
	readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface OpenApiDocument {
	readonly servers: readonly [{ readonly url: string }];
	readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
	readonly components: {
		readonly schemas: Readonly<Record<string, Schema>>;
		readonly parameters?: Readonly<Record<string, Parameter>>;
	};
}

const knownKeywords = new Set([
	...[
		'$ref',
		'type',
		'format',
		'enum',
		'minLength',
		'maxLength',
		'pattern',
		'minimum',
		'maximum',
		'minItems',
		'maxItems',
	],
	...['items', 'properties', 'additionalProperties', 'required', 'readOnly', 'nullable', 'default', 'title'],
	...['description', 'example'],
]);

/** @throws CaissonError internal where a schema uses a keyword that this file does not enforce */
export function requireKnownKeywords(document: OpenApiDocument): void {
	const visit = (schema: Schema, place: string): void => {
		for (const keyword of Object.keys(schema)) {
			if (!knownKeywords.has(keyword))
				throw new CaissonError('internal', `${place}: keyword ${keyword} is not enforced`);
		}
		for (const [name, property] of Object.entries(schema.properties ?? {})) visit(property, `${place}/${name}`);
		if (schema.items) visit(schema.items, `${place}/items`);
		if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, `${place}/*`);
	};
	for (const [name, schema] of Object.entries(document.components.schemas)) visit(schema, name);
}

/** Follows a reference inside the document; what is no reference is returned as it is. */
export function resolve<Part extends { readonly $ref?: string }>(document: OpenApiDocument, part: Part): Part {
	if (part.$ref === undefined) return part;
	let target: unknown = document;
	for (const step of part.$ref.replace(/^#\//, '').split('/')) target = (target as Record<string, unknown>)[step];
	return target as Part;
}

/** What is wrong with `value`, in kin-openapi's words and order, or undefined where nothing is. */
export function schemaProblem(document: OpenApiDocument, schema: Schema, value: unknown): SchemaProblem | undefined {
	const found = check(document, schema, value);
	if (found === undefined) return undefined;
	const place = found.path.length === 0 ? '' : `Error at "/${found.path.join('/')}": `;
	return { message: found.alone ? found.reason : place + found.reason, alone: found.alone ?? false };
}

export interface SchemaProblem {
	readonly message: string;
	/** kin-openapi says this one without saying where it was. */
	readonly alone: boolean;
}

interface Problem {
	readonly path: readonly string[];
	readonly reason: string;
	readonly alone?: true;
}

function check(document: OpenApiDocument, reference: Schema, given: unknown): Problem | undefined {
	const schema = resolve(document, reference);
	const value = given instanceof SpelledNumber ? given.value : given;
	if (given instanceof SpelledNumber && !Number.isFinite(value)) {
		return problem(`strconv.ParseFloat: parsing ${JSON.stringify(given.text)}: value out of range`);
	}
	if (value === null && schema.nullable) return undefined;
	if (schema.type === undefined) return undefined;
	if (schema.enum && !schema.enum.includes(value)) {
		return problem(`value is not one of the allowed values ${JSON.stringify(schema.enum)}`);
	}
	if (value === null) return problem('Value is not nullable');
	if (typeof value === 'string') return checkString(schema, value);
	if (typeof value === 'number') return checkNumber(schema, value);
	if (typeof value === 'boolean') return schema.type === 'boolean' ? undefined : expected(schema);
	if (Array.isArray(value)) return checkArray(document, schema, value);
	return checkObject(document, schema, value as Record<string, unknown>);
}

function checkString(schema: Schema, value: string): Problem | undefined {
	if (schema.type !== 'string') return expected(schema);
	const length = [...value].length;
	if (schema.minLength && length < schema.minLength) return problem(`minimum string length is ${schema.minLength}`);
	if (schema.maxLength !== undefined && length > schema.maxLength) {
		return problem(`maximum string length is ${schema.maxLength}`);
	}
	if (schema.pattern !== undefined && !compiled(schema.pattern).test(value)) {
		return problem(`string doesn't match the regular expression "${schema.pattern}"`);
	}
	return undefined;
}

const patterns = new Map<string, RegExp>();

/** Without the u flag: kin-openapi reads patterns as RE2, which takes an escaped hyphen. */
function compiled(pattern: string): RegExp {
	let regex = patterns.get(pattern);
	if (regex === undefined) {
		regex = new RegExp(pattern);
		patterns.set(pattern, regex);
	}
	return regex;
}

/** Ranges of the formats that OpenAPI 3.0 names for integers. */
const integerRanges: Readonly<Record<string, readonly [number, number]>> = {
	int32: [-(2 ** 31), 2 ** 31 - 1],
	int64: [-(2 ** 63), 2 ** 63],
};

function checkNumber(schema: Schema, value: number): Problem | undefined {
	if (schema.type === 'integer') {
		if (!Number.isInteger(value)) return problem('value must be an integer');
		const range = integerRanges[schema.format ?? ''];
		if (range && (value < range[0] || value > range[1])) {
			return problem(
				`integer doesn't match the format "${schema.format}": value should be between ${range[0]} and ${range[1]}`,
			);
		}
	} else if (schema.type !== 'number') return expected(schema);
	if (schema.minimum !== undefined && value < schema.minimum) {
		return problem(`number must be at least ${schema.minimum}`);
	}
	if (schema.maximum !== undefined && value > schema.maximum) {
		return problem(`number must be at most ${schema.maximum}`);
	}
	return undefined;
}

function checkArray(document: OpenApiDocument, schema: Schema, value: readonly unknown[]): Problem | undefined {
	if (schema.type !== 'array') return expected(schema);
	if (schema.minItems && value.length < schema.minItems) {
		return problem(`minimum number of items is ${schema.minItems}`);
	}
	if (schema.maxItems !== undefined && value.length > schema.maxItems) {
		return problem(`maximum number of items is ${schema.maxItems}`);
	}
	for (const [index, item] of value.entries()) {
		const found = schema.items && check(document, schema.items, item);
		if (found) return below(String(index), found);
	}
	return undefined;
}

function checkObject(
	document: OpenApiDocument,
	schema: Schema,
	value: Readonly<Record<string, unknown>>,
): Problem | undefined {
	if (schema.type !== 'object') return expected(schema);
	const properties = schema.properties ?? {};
	let readOnly: Problem | undefined;
	for (const name of Object.keys(properties).sort()) {
		const sent = Object.hasOwn(value, name) && value[name] !== null;
		if (sent && resolve(document, properties[name] as Schema).readOnly) {
			readOnly ??= { ...problem(`readOnly property "${name}" in request`), alone: true };
		}
	}
	for (const name of Object.keys(value).sort()) {
		const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
		const other = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
		const rule = property ?? other;
		const found = rule && check(document, rule, value[name]);
		if (found) return below(name, found);
		if (rule === undefined && schema.additionalProperties === false) {
			return problem(`property "${name}" is unsupported`);
		}
	}
	for (const name of schema.required ?? []) {
		if (!Object.hasOwn(value, name)) return below(name, problem(`property "${name}" is missing`));
	}
	return readOnly;
}

function problem(reason: string): Problem {
	return { path: [], reason };
}

function below(step: string, found: Problem): Problem {
	return { ...found, path: [step, ...found.path] };
}

function expected(schema: Schema): Problem {
	const article = /^[aeiou]/.test(schema.type ?? '') ? 'an' : 'a';
	return problem(`value must be ${article} ${schema.type}`);
}
