import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TestAuthority } from '../../testing/access/certificates.ts';
import { certificateKey, revokedCertificates } from './revocation.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-revocation-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const list = join(folder, 'list.pem');
const der = (file: string) => new X509Certificate(readFileSync(file)).raw;

test('a list names what was revoked, by issuer and serial number, and several lists add up', () => {
	const [one, other] = [new TestAuthority(folder, 'one'), new TestAuthority(folder, 'other')];
	const [revoked, good] = [one.issue('revoked'), one.issue('good')];
	one.writeRevocationList(list);
	assert.equal(revokedCertificates(readFileSync(list, 'utf8'), list).size, 0);
	one.revoke(revoked);
	one.writeRevocationList(list);
	const second = other.issue('second');
	other.revoke(second);
	const both = readFileSync(list, 'utf8');
	other.writeRevocationList(list);
	const found = revokedCertificates(both + readFileSync(list, 'utf8'), list);
	assert.deepEqual(
		[revoked, good, second].map(({ certificate }) => found.has(certificateKey(der(certificate)))),
		[true, false, true],
	);
	assert.equal(found.size, 2);
});

test('what is no list is refused by the name of its file, and nothing else is thrown, whatever the bytes', () => {
	const authority = new TestAuthority(folder, 'third');
	authority.revoke(authority.issue('x'));
	authority.writeRevocationList(list);
	const base64 = readFileSync(list, 'utf8').replaceAll(/-----.*-----|\n/g, '');
	const pem = (bytes: Buffer) => `-----BEGIN X509 CRL-----\n${bytes.toString('base64')}\n-----END X509 CRL-----\n`;
	const whole = Buffer.from(base64, 'base64');
	const refused = { code: 'key-unusable', message: /^FILE / };
	assert.throws(() => revokedCertificates('', 'FILE'), refused);
	for (let length = 0; length < whole.length; length += 3) {
		assert.throws(() => revokedCertificates(pem(whole.subarray(0, length)), 'FILE'), refused, String(length));
	}
	for (let at = 0; at < whole.length; at++) {
		const changed = Buffer.from(whole);
		changed[at] = (changed[at] ?? 0) ^ 0xff;
		try {
			revokedCertificates(pem(changed), 'FILE');
		} catch (error) {
			assert.equal((error as { code?: string }).code, 'key-unusable', String(at));
		}
	}
});
