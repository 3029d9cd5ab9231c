import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenApiDocument, Operation } from './openapi.ts';
import { readBody } from './request-checking.ts';

const document = {
	servers: [{ url: '/' }],
	paths: {},
	components: {
		schemas: {
			Report: {
				type: 'object',
				required: ['state'],
				properties: {
					state: { type: 'string' },
					progress: { type: 'integer', format: 'int32', maximum: 100 },
					context: { type: 'object' },
				},
			},
		},
	},
} as unknown as OpenApiDocument;
const taking = (schema: object) => ({ requestBody: { content: { 'application/json': { schema } } } }) as Operation;
const report = taking({ $ref: '#/components/schemas/Report' });
const read = (operation: Operation, text: string) =>
	readBody(document, operation, 'application/json', new TextEncoder().encode(text));

test('an integer with a fraction or an exponent is refused as Go refuses it', () => {
	for (const number of ['1e1', '5.0', '50E0'])
		assert.throws(() => read(report, `{"state":"A","progress":${number}}`), {
			message: `can't decode JSON body: json: cannot unmarshal number ${number} into Go struct field Report.progress of type int32`,
		});
});

test('the schema is checked first', () => {
	assert.throws(() => read(report, '{"state":"A","progress":1e3}'), /"\/progress": number must be at most 100/);
	assert.throws(
		() => read(report, '{"state":"A","progress":1e400}'),
		/"\/progress": strconv.ParseFloat: parsing "1e400": value out of range/,
	);
});

test('a number beyond a double is refused wherever a client may put its own', () => {
	assert.throws(() => read(report, '{"state":"A","context":{"a":[{"b":-1e400}]}}'), {
		message:
			"can't decode JSON body: json: cannot unmarshal number -1e400 into Go struct field Report.context of type float64",
	});
	assert.throws(() => read(taking({ type: 'object' }), '{"a":1e400}'), {
		message: "can't decode JSON body: json: cannot unmarshal number 1e400 into Go value of type float64",
	});
});

test('how a number is written is forgotten where it does not matter', () => {
	assert.deepEqual(read(report, '{"state":"A","context":{"a":[1e2,{"b":5.0}],"__proto__":1e0}}'), {
		state: 'A',
		context: JSON.parse('{"a":[100,{"b":5}],"__proto__":1}'),
	});
});
