import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ensureOperatorToken, operatorTokenFile, readOperatorToken } from './operator-token.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-token-'));
after(() => rmSync(folder, { recursive: true }));
const fresh = () => mkdtempSync(join(folder, 'd'));

test('the first start makes a token of 256 bits that only its owner reads; later starts keep it', () => {
	const data = fresh();
	const token = ensureOperatorToken(data, randomBytes);
	assert.equal(Buffer.from(token, 'base64url').length, 32);
	assert.equal(statSync(join(data, operatorTokenFile)).mode & 0o777, 0o600);
	assert.deepEqual(readdirSync(data), [operatorTokenFile], 'no draft is left');
	assert.equal(
		ensureOperatorToken(data, () => assert.fail('no second token is made')),
		token,
	);
	assert.equal(readOperatorToken(join(data, operatorTokenFile)), token);
});

test('a token file that others may read is refused', () => {
	const data = fresh();
	ensureOperatorToken(data, randomBytes);
	chmodSync(join(data, operatorTokenFile), 0o640);
	assert.throws(() => ensureOperatorToken(data, randomBytes), {
		code: 'data-directory-refused',
		message: /is open to others: chmod 0600/,
	});
});

test('a file that holds no token is refused without its content in the message, and kept', () => {
	for (const content of ['', 'short', 'two words that are long enough to be a token', `${'x'.repeat(600)}`]) {
		const data = fresh();
		const path = join(data, operatorTokenFile);
		writeFileSync(path, content, { mode: 0o600 });
		assert.throws(
			() => ensureOperatorToken(data, randomBytes),
			(error: Error) => /holds no token/.test(error.message) && (content === '' || !error.message.includes(content)),
		);
		assert.equal(readFileSync(path, 'utf8'), content);
	}
});

test('a token that cannot be written is reported, and nothing is left', () => {
	assert.throws(() => ensureOperatorToken(join(folder, 'absent'), randomBytes), {
		code: 'data-directory-refused',
		message: /cannot be written: ENOENT/,
	});
});
