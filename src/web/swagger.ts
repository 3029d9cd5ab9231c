// The OpenAPI 3.0 document as Swagger 2.0, for clients that read /swagger.json: SWUpdate before 2025.05 asks for it
// first and looks for the properties of JobStatus in it. Only what Caisson's documents use is converted.

import type { OpenApiDocument } from './openapi.ts';

type Json = { [key: string]: unknown };

/** @returns a Swagger 2.0 document that says the same */
export function swaggerOf(document: OpenApiDocument): Json {
	const source = document as unknown as Json & { info: Json };
	const paths: Json = {};
	for (const [path, operations] of Object.entries(document.paths)) {
		const converted = Object.entries(operations).map(([method, operation]) => [method, operationOf(operation as Json)]);
		paths[path] = Object.fromEntries(converted);
	}
	return {
		swagger: '2.0',
		basePath: document.servers[0].url,
		info: source.info,
		schemes: ['http', 'https'],
		consumes: ['application/json'],
		produces: ['application/json'],
		tags: source.tags,
		paths,
		parameters: mapValues(document.components.parameters ?? {}, parameterOf),
		definitions: withLogLimit(mapValues(document.components.schemas, relocated)),
	};
}

/**
 * SWUpdate before 2025.05 takes the greatest length of a job's log from here (suricatta/server_wfx.lua,
 * update_json_schema) and fails where there is none: then a job whose artifact is missing loses its reason. wfx 0.6.0 has
 * the number in its Swagger document and not in its OpenAPI document.
 */
function withLogLimit(definitions: Json): Json {
	const status = definitions.JobStatus as { properties?: { context?: Json } } | undefined;
	if (status?.properties?.context !== undefined) status.properties.context.maxLength = 20_000;
	return definitions;
}

function operationOf(operation: Json): Json {
	const { requestBody, parameters = [], responses, ...rest } = operation;
	const converted = (parameters as Json[]).map(parameterOf);
	const schema = jsonSchemaOf(requestBody as Json | undefined);
	if (schema) converted.push({ name: 'body', in: 'body', required: true, schema: relocated(schema) });
	return { ...rest, parameters: converted, responses: mapValues(responses as Json, responseOf) };
}

function responseOf(response: unknown): Json {
	const { content: _, headers, ...rest } = response as Json;
	const schema = jsonSchemaOf(response as Json);
	return {
		...rest,
		...(schema ? { schema: relocated(schema) } : {}),
		...(typeof headers === 'object' && headers && { headers: mapValues(headers, (header) => (header as Json).schema) }),
	};
}

/** Swagger 2.0 writes what OpenAPI 3.0 puts under `schema` into the parameter itself. */
function parameterOf(parameter: unknown): Json {
	const { schema, style, explode, ...rest } = parameter as Json;
	if (schema === undefined) return relocated(rest) as Json;
	const type = (schema as Json).$ref ? { type: 'string' } : (schema as Json);
	return { ...rest, ...type, ...(style === 'form' && explode === false && { collectionFormat: 'csv' }) };
}

function jsonSchemaOf(holder: Json | undefined): unknown {
	const content = holder?.content as Json | undefined;
	const media = content?.['application/json'] as Json | undefined;
	return media?.schema;
}

/** The same schema with its references pointing to where Swagger 2.0 keeps things. */
function relocated(schema: unknown): unknown {
	const text = JSON.stringify(schema)
		.replaceAll('#/components/schemas/', '#/definitions/')
		.replaceAll('#/components/parameters/', '#/parameters/');
	return JSON.parse(text);
}

function mapValues(source: object, change: (value: unknown) => unknown): Json {
	return Object.fromEntries(Object.entries(source).map(([key, value]) => [key, change(value)]));
}
