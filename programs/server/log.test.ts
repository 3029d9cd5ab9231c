import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blankedUrl, chooseLogFormat, createLog, type LogFormat } from './log.ts';

function logTo(format: LogFormat, level = 'info') {
	const lines: string[] = [];
	const server = createLog(format, level, { write: (line) => lines.push(line) });
	return { ...server, lines };
}

test('json: one object a line with level, time and message', () => {
	const { log, lines } = logTo('json');
	log.info({ url: 'http://127.0.0.1:1' }, 'serving');
	const { time, ...rest } = JSON.parse(lines[0] ?? '');
	assert.deepEqual(rest, { level: 'info', url: 'http://127.0.0.1:1', msg: 'serving' });
	assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('pretty: time, level, message, then the facts', () => {
	const { log, lines } = logTo('pretty');
	log.warn({ option: 'client-port', before: 1, after: 'a b' }, 'changed');
	assert.match(lines[0] ?? '', /^\d\d:\d\d:\d\d WARN {2}changed {2}option=client-port before=1 after="a b"\n$/);
});

test('journald: the priority of sd-daemon(3) before each line', () => {
	const { log, lines } = logTo('journald', 'trace');
	for (const level of ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const) log[level]('x');
	assert.deepEqual(lines.join(''), '<2>x\n<3>x\n<4>x\n<6>x\n<7>x\n<7>x\n');
});

test('what a peer sends cannot forge a line or speak to the terminal', () => {
	for (const format of ['json', 'pretty', 'journald'] as const) {
		const { log, lines } = logTo(format);
		log.info({ path: '/\n<2>forged\u001b[31m' }, 'x\n<2>forged\u001b[0m\u202e');
		const text = lines.join('');
		assert.equal(text.indexOf('\n'), text.length - 1, format);
		assert.ok(!text.includes('\u001b'), format);
	}
});

test('an error is shown with its message; its stack where nobody expected it', () => {
	const { log, lines } = logTo('pretty');
	log.error({ err: new Error('broken') }, 'failed');
	assert.match(lines[0] ?? '', /^[\d:]+ ERROR failed {2}error=broken\n {4}at .*log\.test\.ts/);
	log.error({ err: Object.assign(new Error('known'), { code: 'listen-failed' }) }, 'failed');
	assert.match(lines[1] ?? '', /error=known\n$/);
});

test('a change of the level reaches loggers that were derived before', () => {
	const { log, setLevel, lines } = logTo('json', 'warn');
	const derived = log.child({ part: 'job' });
	derived.info('not yet');
	setLevel('debug');
	derived.debug('now');
	setLevel('panic');
	derived.error('no more');
	assert.deepEqual(
		lines.map((line) => JSON.parse(line).msg),
		['now'],
	);
});

test('credentials in headers and addresses are blanked', () => {
	const { log, lines } = logTo('json');
	const secret = 'c2VjcmV0';
	log.info(
		{ headers: { authorization: `Bearer ${secret}`, cookie: secret }, token: secret, a: { token: secret } },
		'x',
	);
	log.info(
		{ req: { method: 'GET', url: `/a?access_token=${secret}&b=1&TOKEN=${secret}`, headers: { x: secret } } },
		'y',
	);
	assert.ok(!lines.join('').includes(secret), lines.join(''));
	assert.equal(blankedUrl('/jobs?state=A&token=x&tag=t'), '/jobs?state=A&token=[blanked]&tag=t');
});

test('auto is pretty on a terminal, json elsewhere, and what was asked for where it was', () => {
	assert.equal(chooseLogFormat('auto', true, {}), 'pretty');
	assert.equal(chooseLogFormat('auto', false, {}), 'json');
	assert.equal(chooseLogFormat('auto', false, { JOURNAL_STREAM: '1:2' }), 'json');
	assert.equal(chooseLogFormat('journald', true, {}), 'journald');
});
