import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ResponseFilter } from './response-filter.ts';

const limits = { time: 1_000, memory: 64 * 1024 * 1024, waiting: 3 };
const filter = new ResponseFilter(limits);
after(() => filter.close());

const refused = { code: 'filter-failed' };

test('every output of a filter becomes one line of JSON with sorted members', async () => {
	assert.equal(await filter.apply('., .a', '{"b":1,"a":"ü<"}'), '{"a":"ü<","b":1}\n"ü<"\n');
});

test('a filter without output answers nothing', async () => {
	assert.equal(await filter.apply('empty', '{}'), '');
});

test('what SWUpdate sends is answered like jq answers it', async () => {
	for (const json of ['{"state":"A","context":{"x":1}}', '{"state":"A"}', 'null']) {
		assert.equal(await filter.apply('del(.context)', json), await filter.apply('del(.context) | .', json));
	}
});

test('members come in the order of their names, in whichever order the answer has them', async () => {
	assert.equal(await filter.apply('.[]', '{"b":1,"a":{"d":2,"c":3}}'), '{"c":3,"d":2}\n1\n');
});

test('an empty filter and an unknown function give an empty object, as in wfx', async () => {
	assert.equal(await filter.apply(' ', '{"a":1}'), '{}\n');
	assert.equal(await filter.apply('.a | nosuchthing', '{"a":1}'), '{}\n');
});

test('a malformed filter is refused with what jq says of it', async () => {
	await assert.rejects(filter.apply('.[', '{}'), { ...refused, message: /syntax error/ });
	await assert.rejects(filter.apply('.a) | (.b', '{}'), refused);
});

test('a filter that fails while running gives what came before and an empty object, as wfx does', async () => {
	assert.equal(await filter.apply('1, error("x"), 2', '{}'), '1\n{}\n');
	assert.equal(await filter.apply('1, error("x") # the end', '{}'), '1\n{}\n');
});

test('a filter that never ends is ended, and the next one is served', async () => {
	await assert.rejects(filter.apply('def f: f; f', '{}'), refused);
	assert.equal(await filter.apply('.a', '{"a":1}'), '1\n');
});

test('a filter that wants all memory is refused, and the next one is served', async () => {
	const patient = new ResponseFilter({ ...limits, time: 60_000 });
	try {
		await assert.rejects(patient.apply('[range(1e9)] | length', '{}'), refused);
		assert.equal(await patient.apply('.a', '{"a":1}'), '1\n');
	} finally {
		await patient.close();
	}
});

test('no more filters wait than the limit allows', async () => {
	const crowd = Array.from({ length: 8 }, () => filter.apply('.a', '{"a":1}').catch((error) => error.code));
	const answers = await Promise.all(crowd);
	assert.ok(answers.includes('filter-failed'));
	assert.ok(answers.includes('1\n'));
});

test('a filter sees no environment of the server', async () => {
	process.env.CAISSON_TEST_SECRET = 'seen';
	assert.doesNotMatch(await filter.apply('$ENV', '{}'), /CAISSON_TEST_SECRET/);
});
