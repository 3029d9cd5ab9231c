import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { certificateFacts, type DeviceIdentityForm } from './client-certificate.ts';

/** A certificate as Node shows it; real ones are in testing/access. */
function certificate(subjectAltName: string, commonName?: string | string[]): X509Certificate {
	const time = { validFromDate: new Date(0), validToDate: new Date(1) };
	const toLegacyObject = () => ({ subject: { CN: commonName } });
	return { subject: 'CN=x\nO=y', subjectAltName, toLegacyObject, ...time } as unknown as X509Certificate;
}

const read = (form: DeviceIdentityForm, subjectAltName: string, commonName?: string | string[]) =>
	certificateFacts(certificate(subjectAltName, commonName), form);

test('the identity is the one name of the kind that was chosen', () => {
	const names = 'DNS:dev.example, URI:urn:device:1, IP Address:192.0.2.1';
	assert.equal(read('cn', names, 'pump 7').clientId, 'pump 7');
	assert.equal(read('san-dns', names, 'pump').clientId, 'dev.example');
	assert.equal(read('san-uri', names, 'pump').clientId, 'urn:device:1');
	assert.deepEqual(read('cn', names).alternativeNames, ['DNS:dev.example', 'URI:urn:device:1', 'IP Address:192.0.2.1']);
	assert.equal(read('cn', names).subject, 'CN=x,O=y');
});

test('none or several of that kind name no device', () => {
	assert.equal(read('cn', '').clientId, undefined);
	assert.equal(read('cn', '', ['one', 'two']).clientId, undefined);
	assert.equal(read('san-dns', 'DNS:a, DNS:b').clientId, undefined);
	assert.equal(read('san-uri', 'DNS:a').clientId, undefined);
});

test('one name that holds what stands between names stays one (CVE-2021-44532)', () => {
	const text = 'DNS:"a.example, DNS:admin.example", URI:"urn:x\\", DNS:b"';
	assert.deepEqual(read('san-dns', text).alternativeNames, ['DNS:a.example, DNS:admin.example', 'URI:urn:x", DNS:b']);
	assert.equal(read('san-dns', text).clientId, 'a.example, DNS:admin.example');
});

test('a name that is empty, very long or has control characters names no device', () => {
	for (const name of ['', 'a'.repeat(257), 'a\nb', 'a\0', '\u202ea']) {
		assert.equal(read('cn', '', name).clientId, undefined, JSON.stringify(name));
	}
	assert.equal(read('cn', '', 'a'.repeat(256)).clientId?.length, 256);
});

test('whatever stands there is read without failing', () => {
	const pieces = ['DNS:', 'URI:', '"', '\\', ', ', 'a', '"x"', 'IP Address:', ':', '\\u', 'DNS:"\\"'];
	let state = 7;
	const next = (below: number) => {
		state = (state * 48271) % 2147483647;
		return state % below;
	};
	for (let count = 0; count < 5000; count++) {
		const text = Array.from({ length: next(12) }, () => pieces[next(pieces.length)]).join('');
		for (const form of ['san-dns', 'san-uri'] as const) {
			const { clientId } = read(form, text);
			assert.ok(clientId === undefined || clientId.length > 0, text);
		}
	}
});
