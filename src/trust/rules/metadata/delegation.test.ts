import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { trustSha256 } from '../../../../src/outside/signer/trust-verify.ts';
import { failsWith, notExpired } from '../../../../testing/tuf-documents/documents.ts';
import { binIndex, binName, delegatedKeys, isBin, pathHash, searchTarget } from './delegation.ts';
import { hashedTargetName, metadataFileName } from './file-names.ts';
import { makeTargets } from './make.ts';
import type { DelegatedRole, Delegations, TargetsSigned } from './model.ts';
import { matchesPathPattern } from './path-pattern.ts';

function golden<T>(name: string): T {
	return JSON.parse(readFileSync(join(import.meta.dirname, '../../../../testdata/trust/metadata', name), 'utf8'));
}

describe('a path pattern', () => {
	it('fits what python-tuf finds that it fits', () => {
		for (const [path, pattern, fits] of golden<[string, string, boolean][]>('patterns.json')) {
			assert.equal(matchesPathPattern(path, pattern), fits, JSON.stringify([path, pattern]));
		}
	});

	it('fits the examples of the specification (4.5)', () => {
		assert.ok(matchesPathPattern('targets/foo.tgz', 'targets/*.tgz'));
		assert.ok(!matchesPathPattern('targets/foo.txt', 'targets/*.tgz'));
		assert.ok(matchesPathPattern('foo-version-2.tgz', 'foo-version-?.tgz'));
		assert.ok(!matchesPathPattern('foo-version-alpha.tgz', 'foo-version-?.tgz'));
		assert.ok(!matchesPathPattern('targets/foo.tgz', '*.tgz'));
	});

	it('compares characters as they are: no folding of case, no normalisation', () => {
		assert.ok(!matchesPathPattern('A', 'a'));
		assert.ok(!matchesPathPattern('\u00e9', 'e\u0301'));
		assert.ok(matchesPathPattern('\u{1f600}', '?'));
		assert.ok(!matchesPathPattern('e\u0301', '?'));
	});

	it('takes no time that grows faster than both lengths multiplied', () => {
		assert.ok(!matchesPathPattern('a'.repeat(3000), `${'*a'.repeat(1000)}b`));
		assert.ok(!matchesPathPattern('a', '['.repeat(100_000)));
	});
});

describe('a bin', () => {
	it('is the one that python-tuf chooses, from 2 bins to 2^32', () => {
		for (const [bitLength, path, name] of golden<[number, string, string][]>('bins.json')) {
			const roles = { bit_length: bitLength, name_prefix: 'bin' };
			assert.equal(binName(roles, binIndex(bitLength, pathHash(path, trustSha256))), name);
			assert.ok(isBin(roles, name));
		}
	});

	it('is known by its exact name only', () => {
		const roles = { bit_length: 10, name_prefix: 'b' };
		assert.deepEqual(
			['b-000', 'b-3ff'].map((name) => isBin(roles, name)),
			[true, true],
		);
		for (const name of ['b-400', 'b-3FF', 'b-3f', 'b-03ff', 'b-', 'b', 'c-000', 'b- 00', 'b-0x0', 'b-1_0']) {
			assert.equal(isBin(roles, name), false, name);
		}
	});
});

const role = (name: string, terminating = false, paths: readonly string[] = ['*']): DelegatedRole => ({
	name,
	keyids: [],
	threshold: 1,
	terminating,
	paths,
});

function targetsOf(delegations?: Omit<Delegations, 'keys'>, ...paths: string[]): TargetsSigned {
	const file = { length: 0, hashes: { sha256: 'aa' } };
	return makeTargets({
		version: 1,
		expires: notExpired,
		targets: Object.fromEntries(paths.map((path) => [path, file])),
		...(delegations === undefined ? {} : { delegations: { keys: {}, ...delegations } }),
	});
}

/** Searches the roles given by name; answers which were asked, as `role by delegator`, and where the target was found. */
function search(path: string, roles: Readonly<Record<string, TargetsSigned>>, maximum = 32) {
	const asked: string[] = [];
	const steps = searchTarget(path, maximum, trustSha256);
	let step = steps.next();
	try {
		while (!step.done) {
			asked.push(`${step.value.role} by ${step.value.delegator}`);
			step = steps.next(roles[step.value.role] ?? targetsOf());
		}
		return { asked, found: step.value.role };
	} catch (error) {
		return { asked, error };
	}
}

describe('the search for a target (5.6.7)', () => {
	it('goes down before it goes on, in the order of the delegations', () => {
		const { asked, found } = search('t', {
			targets: targetsOf({ roles: [role('a'), role('b')] }),
			a: targetsOf({ roles: [role('a1'), role('a2')] }),
			b: targetsOf(undefined, 't'),
		});
		assert.deepEqual(asked, ['targets by root', 'a by targets', 'a1 by a', 'a2 by a', 'b by targets']);
		assert.equal(found, 'b');
	});

	it('takes what the first role says, though later ones say something too', () => {
		assert.equal(search('t', { targets: targetsOf({ roles: [role('a'), role('b')] }, 't') }).found, 'targets');
		assert.equal(
			search('t', {
				targets: targetsOf({ roles: [role('a'), role('b')] }),
				a: targetsOf(undefined, 't'),
				b: targetsOf(undefined, 't'),
			}).found,
			'a',
		);
	});

	it('asks only roles that the path is delegated to', () => {
		const prefixed = {
			name: 'p',
			keyids: [],
			threshold: 1,
			terminating: false,
			path_hash_prefixes: [pathHash('t', trustSha256).slice(0, 3)],
		};
		const other = { ...prefixed, name: 'q', path_hash_prefixes: ['zz', `${prefixed.path_hash_prefixes[0]}zz`] };
		const { asked } = search('t', { targets: targetsOf({ roles: [role('a', true, ['x/*', 'u']), other, prefixed] }) });
		assert.deepEqual(asked, ['targets by root', 'p by targets']);
	});

	it('ends with a terminating role and what that delegates', () => {
		const { asked, error } = search('t', {
			targets: targetsOf({ roles: [role('a'), role('end')] }),
			a: targetsOf({ roles: [role('a1', true), role('a2')] }),
			a1: targetsOf({ roles: [role('a11')] }),
			end: targetsOf(undefined, 't'),
		});
		assert.deepEqual(asked, ['targets by root', 'a by targets', 'a1 by a', 'a11 by a1']);
		assert.ok(failsWith('trust-target-unknown', { target: 't' })(error));
	});

	it('asks one bin of succinct roles, and none after it', () => {
		const bins = { keyids: [], threshold: 1, bit_length: 14, name_prefix: 'bin' };
		const { asked } = search('t', {
			targets: targetsOf({ roles: [role('b'), role('c')] }),
			b: targetsOf({ succinct_roles: bins }),
		});
		assert.equal(asked.length, 3);
		assert.match(asked[2] ?? '', /^bin-[0-9a-f]{4} by b$/);
	});

	it('asks no role twice, so that circles end', () => {
		const { asked } = search('t', {
			targets: targetsOf({ roles: [role('a')] }),
			a: targetsOf({ roles: [role('b'), role('a')] }),
			b: targetsOf({ roles: [role('a'), role('b')] }),
		});
		assert.deepEqual(asked, ['targets by root', 'a by targets', 'b by a']);
	});

	it('ends by its code in a chain of 300 roles, after as many as are allowed', () => {
		const chain = Object.fromEntries(
			Array.from({ length: 300 }, (_, i) => [i === 0 ? 'targets' : `r${i}`, targetsOf({ roles: [role(`r${i + 1}`)] })]),
		);
		const short = search('t', { ...chain, r300: targetsOf(undefined, 't') });
		assert.equal(short.asked.length, 32);
		assert.ok(failsWith('trust-delegations-exceeded', { target: 't', role: 'r32' })(short.error));
		assert.equal(search('t', { ...chain, r300: targetsOf(undefined, 't') }, 301).found, 'r300');
	});

	it('finds no target by a name of the prototype', () => {
		for (const path of ['__proto__', 'constructor', 'toString']) {
			assert.ok(failsWith('trust-target-unknown')(search(path, { targets: targetsOf() }).error));
		}
	});
});

describe('the keys of a delegated role', () => {
	it('are those of its delegation', () => {
		const delegations: Delegations = { keys: {}, roles: [role('a'), { ...role('b'), threshold: 2 }] };
		assert.equal(delegatedKeys(delegations, 'b')?.threshold, 2);
		assert.equal(delegatedKeys(delegations, 'c'), undefined);
		assert.equal(delegatedKeys(undefined, 'a'), undefined);
		const bins: Delegations = {
			keys: {},
			succinct_roles: { keyids: [], threshold: 3, bit_length: 4, name_prefix: 'x' },
		};
		assert.equal(delegatedKeys(bins, 'x-f')?.threshold, 3);
		assert.equal(delegatedKeys(bins, 'x-10'), undefined);
	});
});

describe('file names', () => {
	it('keep a role in one file, whatever its name', () => {
		assert.equal(metadataFileName('root', 3), '3.root.json');
		assert.equal(metadataFileName('timestamp'), 'timestamp.json');
		assert.equal(metadataFileName('../a/b (1)é', 1), '1...%2Fa%2Fb%20%281%29%C3%A9.json');
	});

	it('put the hash before the last part of a target', () => {
		assert.equal(hashedTargetName('a/b/c.swu', 'ff'), 'a/b/ff.c.swu');
		assert.equal(hashedTargetName('c', 'ff'), 'ff.c');
	});
});
