import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTrustBoundary, isLoopback, type OfferedAddress } from './trust-boundary.ts';

const offer = (port: OfferedAddress['port'], address: string | undefined, encrypted = false): OfferedAddress[] => [
	{ port, named: 'here', address, encrypted },
];
const guarded = { southboundAuth: 'open', northboundAuth: 'token', insecureOpen: false } as const;
const unasked = { southboundAuth: 'open', northboundAuth: 'none', insecureOpen: false } as const;

test('loopback is 127.0.0.0/8 and ::1, also written as IPv6', () => {
	for (const address of ['127.0.0.1', '127.255.0.3', '::1', '::ffff:127.0.0.1'])
		assert.ok(isLoopback(address), address);
	for (const address of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '127.0.0.1.example', '::ffff:10.0.0.1', 'fe80::1']) {
		assert.ok(!isLoopback(address), address);
	}
});

test('loopback and unix sockets are served whatever the policy', () => {
	for (const address of ['127.0.0.1', '::1', undefined]) {
		for (const port of ['southbound', 'northbound'] as const) {
			assert.deepEqual(checkTrustBoundary(offer(port, address), guarded), []);
			assert.deepEqual(checkTrustBoundary(offer(port, address), unasked), []);
		}
	}
});

test('southbound leaves loopback only with --insecure-open, also with TLS, and says what is missing', () => {
	for (const encrypted of [false, true]) {
		assert.throws(() => checkTrustBoundary(offer('southbound', '0.0.0.0', encrypted), guarded), {
			code: 'configuration-invalid',
			message: /^here: .*mtls or token.*--insecure-open/,
		});
	}
	const [warning] = checkTrustBoundary(offer('southbound', '192.0.2.1'), { ...guarded, insecureOpen: true });
	assert.match(warning ?? '', /open to every machine/);
});

test('northbound without a token never leaves loopback', () => {
	assert.throws(() => checkTrustBoundary(offer('northbound', '192.0.2.1', true), { ...unasked, insecureOpen: true }), {
		code: 'configuration-invalid',
		message: /northbound-auth none/,
	});
});

test('northbound with a token may leave loopback; in the clear it is warned of', () => {
	assert.deepEqual(checkTrustBoundary(offer('northbound', '192.0.2.1', true), guarded), []);
	assert.match(checkTrustBoundary(offer('northbound', '192.0.2.1'), guarded)[0] ?? '', /in the clear/);
});

test('southbound with certificates or tokens leaves loopback over TLS, and never in the clear', () => {
	for (const southboundAuth of ['mtls', 'token'] as const) {
		const policy = { ...guarded, southboundAuth };
		assert.deepEqual(checkTrustBoundary(offer('southbound', '192.0.2.1', true), policy), []);
		for (const insecureOpen of [false, true]) {
			assert.throws(() => checkTrustBoundary(offer('southbound', '192.0.2.1'), { ...policy, insecureOpen }), {
				code: 'configuration-invalid',
				message: /in the clear; use scheme https/,
			});
		}
		assert.deepEqual(checkTrustBoundary(offer('southbound', '127.0.0.1'), policy), []);
	}
});
