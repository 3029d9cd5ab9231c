// Reads the query and the body of a request as siemens/wfx reads them (oapi-codegen's binding, then kin-openapi's
// validation), so that good requests mean the same and bad ones are refused with the same words. It knows no noun.

import { CaissonError } from '../errors.ts';
import { decodeJson, SpelledNumber } from './json-decoder.ts';
import {
	type OpenApiDocument,
	type Operation,
	type Parameter,
	resolve,
	type Schema,
	schemaProblem,
} from './openapi.ts';

export type QueryValue = string | number | boolean | readonly string[];

/** A refusal whose message is sent as it is. `bound`: refused while binding, before CORS headers are set. */
export class RequestRefused extends CaissonError {
	readonly binding: boolean;
	constructor(message: string, binding = false) {
		super('request-invalid', message);
		this.binding = binding;
	}
}

/**
 * The query parameters that the operation names, typed. Others are ignored; a repeated one is refused.
 * @throws RequestRefused
 */
export function readQuery(
	document: OpenApiDocument,
	operation: Operation,
	search: URLSearchParams,
): Record<string, QueryValue | undefined> {
	const values: Record<string, QueryValue | undefined> = {};
	const inQuery = queryParameters(document, operation);
	for (const parameter of inQuery) values[parameter.name] = bind(parameter, search);
	for (const parameter of inQuery) {
		const value = values[parameter.name];
		const found = value === undefined ? undefined : schemaProblem(document, parameter.schema, value);
		const empty = Array.isArray(value) && value.length === 1 && value[0] === '';
		const why = empty ? 'empty value is not allowed' : found?.message;
		if (why) throw new RequestRefused(`parameter "${parameter.name}" in query has an error: ${why}`);
	}
	return values;
}

const known = new WeakMap<Operation, readonly Parameter[]>();

/** References are followed once an operation, not once a request. */
function queryParameters(document: OpenApiDocument, operation: Operation): readonly Parameter[] {
	let found = known.get(operation);
	if (found === undefined) {
		found = (operation.parameters ?? [])
			.map((parameter) => resolve(document, parameter))
			.filter((parameter) => parameter.in === 'query')
			.map((parameter) => ({ ...parameter, schema: resolve(document, parameter.schema) }));
		known.set(operation, found);
	}
	return found;
}

function bind({ name, schema }: Parameter, search: URLSearchParams): QueryValue | undefined {
	const texts = search.getAll(name);
	const [text] = texts;
	if (text === undefined) return undefined;
	if (texts.length > 1) {
		const why =
			schema.type === 'array'
				? `parameter '${name}' is not exploded, but is specified multiple times`
				: `multiple values for single value parameter '${name}'`;
		throw new RequestRefused(`Invalid format for parameter ${name}: ${why}`, true);
	}
	if (schema.type === 'integer') return bindInteger(name, schema, text);
	if (schema.type === 'boolean') return bindBoolean(name, text);
	if (schema.type === 'array') return text.split(',');
	return text;
}

function badFormat(name: string, why: string): RequestRefused {
	return new RequestRefused(`Invalid format for parameter ${name}: error binding string parameter: ${why}`, true);
}

function bindInteger(name: string, schema: Schema, text: string): number {
	const bits = schema.format === 'int32' ? 32n : 64n;
	if (!/^[+-]?\d+$/.test(text))
		throw badFormat(name, `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
	const value = BigInt(text.replace(/^\+/, ''));
	if (BigInt.asIntN(64, value) !== value) {
		throw badFormat(name, `strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
	}
	if (BigInt.asIntN(Number(bits), value) !== value) {
		throw badFormat(name, `value '${text}' overflows destination of type: ${schema.format}`);
	}
	return Number(value);
}

/** Go's strconv.ParseBool. */
function bindBoolean(name: string, text: string): boolean {
	if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
	if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
	throw badFormat(name, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/**
 * The JSON body, checked against the operation's schema.
 * @throws RequestRefused
 */
export function readBody(
	document: OpenApiDocument,
	operation: Operation,
	contentType: string | undefined,
	bytes: Uint8Array | undefined,
): unknown {
	const refuse = (why: string) => new RequestRefused(`request body has an error: ${why}`);
	if (bytes === undefined || bytes.length === 0) throw refuse('value is required but missing');
	// Exactly as written: kin-openapi compares the media type with its case.
	const mediaType = contentType?.split(';')[0]?.trim();
	const schema = operation.requestBody?.content[mediaType ?? '']?.schema;
	if (schema === undefined) throw refuse(`header Content-Type has unexpected value "${contentType ?? ''}"`);
	const decoded = decodeJson(bytes);
	if ('problem' in decoded) throw refuse(`failed to decode request body: ${decoded.problem}`);
	const found = schemaProblem(document, schema, decoded.value);
	if (found?.alone) throw new RequestRefused(found.message);
	if (found) throw refuse(`doesn't match schema${schema.$ref ? ` ${schema.$ref}` : ''}: ${found.message}`);
	const name = schema.$ref?.split('/').at(-1);
	return settleNumbers(document, schema, decoded.value, name === undefined ? 'value' : `struct field ${name}.`);
}

/**
 * wfx decodes a body a second time, into Go's types (oapi-codegen): those take an integer only where it is written as
 * one, and no number beyond a double. What passes becomes a plain number; properties that the schema does not name are
 * left as they are, for nobody reads them.
 * @param schema undefined below an object whose properties are the client's own
 * @param target how Go names the place
 * @throws RequestRefused
 */
function settleNumbers(document: OpenApiDocument, schema: Schema | undefined, value: unknown, target: string): unknown {
	const rule = schema && resolve(document, schema);
	if (value instanceof SpelledNumber) return settledNumber(rule, value, target);
	if (Array.isArray(value)) return value.map((item) => settleNumbers(document, rule?.items, item, target));
	if (typeof value !== 'object' || value === null) return value;
	for (const [key, member] of Object.entries(value)) {
		const named = rule?.properties && Object.hasOwn(rule.properties, key) ? rule.properties[key] : undefined;
		if (typeof member !== 'object' || (rule?.properties && named === undefined)) continue;
		const place = named && target.endsWith('.') ? target + key : target;
		(value as Record<string, unknown>)[key] = settleNumbers(document, named, member, place);
	}
	return value;
}

function settledNumber(rule: Schema | undefined, number: SpelledNumber, target: string): number {
	if (rule?.type !== 'integer' && Number.isFinite(number.value)) return number.value;
	const type = rule?.type === 'integer' ? (rule.format ?? 'int') : 'float64';
	const refusal = `json: cannot unmarshal number ${number.text} into Go ${target} of type ${type}`;
	throw new RequestRefused(`can't decode JSON body: ${refusal}`);
}
