import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerReader } from './answer-reader.ts';

const plain = 'HTTP/1.1 201 Created\r\nContent-Length: 5\r\nVary: Origin\r\n\r\nhello';
const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n';

function read(...parts: string[]) {
	const reader = new AnswerReader();
	const answers = parts.map((part) => reader.push(Buffer.from(part, 'latin1')));
	return answers.map((answer) => answer && { status: answer.status, body: answer.body.toString('latin1') });
}

test('an answer of known length is complete with its last byte, however it is cut', () => {
	for (let cut = 1; cut < plain.length; cut++) {
		assert.deepEqual(read(plain.slice(0, cut), plain.slice(cut)), [undefined, { status: 201, body: 'hello' }]);
	}
});

test('a chunked answer is complete with its last chunk, however it is cut', () => {
	const body = chunked.slice(chunked.indexOf('\r\n\r\n') + 4);
	for (let cut = 1; cut < chunked.length; cut++) {
		assert.deepEqual(read(chunked.slice(0, cut), chunked.slice(cut)), [undefined, { status: 200, body }]);
	}
});

test('an answer without a body ends with its headers', () => {
	assert.deepEqual(read('HTTP/1.1 204 No Content\r\nVary: Origin\r\n\r\n'), [{ status: 204, body: '' }]);
});

test('one answer after the other is read', () => {
	assert.deepEqual(
		read(plain, chunked, plain).map((answer) => answer?.status),
		[201, 200, 201],
	);
});

test('what is no answer, has no length or is followed by more is refused', () => {
	assert.throws(() => read(`${plain}HTTP/1.1 200 OK`), /more than one answer/);
	assert.throws(() => read('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc'), /unknown length/);
	assert.throws(() => read('220 mail.example.org ESMTP\r\n\r\n'), /not an answer: 220 mail/);
	assert.throws(() => read('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'), /chunk without a size/);
});
