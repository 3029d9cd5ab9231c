import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from './nearest-name.ts';

const names = ['client-port', 'client-host', 'mgmt-port', 'scheme', 'data'];

test('a slip of up to two letters finds the name that was meant', () => {
	assert.equal(nearestName('clinet-port', names), 'client-port');
	assert.equal(nearestName('client_prt', names), 'client-port');
	assert.equal(nearestName('shceme', names), 'scheme');
	assert.equal(nearestName('dta', names), 'data');
});

test('what is far from every name finds none', () => {
	assert.equal(nearestName('database', names), undefined);
	assert.equal(nearestName('xx', names), undefined);
});
