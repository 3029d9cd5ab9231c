import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metadata as TufJsMetadata } from '@tufjs/models';
import { trustSha256 } from '../../../../src/outside/signer/trust-verify.ts';
import { notExpired, signedBytes } from '../../../../testing/tuf-documents/documents.ts';
import { pathHash, rolesForPath } from './delegation.ts';
import { makeTargets } from './make.ts';
import type { DelegatedRole } from './model.ts';
import { everyPathHashPrefix, pathPatternFault, targetPathFault } from './portable-paths.ts';

const role = { name: 'r', keyids: [], threshold: 1, terminating: false };

interface Delegating {
	readonly signed: { readonly delegations: { rolesForTarget(path: string): Iterable<unknown> } };
}

/** Whether Caisson, and whether tuf-js, finds the path delegated. */
function delegated(delegation: Partial<DelegatedRole>, path: string): [boolean, boolean] {
	const delegations = { keys: {}, roles: [{ ...role, ...delegation }] };
	const signed = makeTargets({ version: 1, expires: notExpired, targets: {}, delegations });
	const document = JSON.parse(new TextDecoder().decode(signedBytes(signed)));
	const tufJs = TufJsMetadata.fromJSON('targets' as never, document) as unknown as Delegating;
	const hash = () => pathHash(path, trustSha256);
	return [
		rolesForPath(delegations, path, hash).names.length === 1,
		[...tufJs.signed.delegations.rolesForTarget(path)].length === 1,
	];
}

describe('a target path', () => {
	it('may be what is a file everywhere', () => {
		for (const path of ['a', 'releases/1.0/image-1.swu', 'a b/é.txt', '.hidden/x', '[x]{y}', '日本/語']) {
			assert.equal(targetPathFault(path), undefined, path);
		}
	});

	it('may not leave its place, have two spellings or be too long', () => {
		for (const path of [
			'',
			'/a',
			'a/',
			'a//b',
			'.',
			'../a',
			'a/../b',
			'a\\b',
			'a\u0000',
			'a\n',
			'e\u0301',
			'a\u202eb',
			'\ud800',
			'x'.repeat(181),
			'é'.repeat(91),
			'aa/'.repeat(400),
		]) {
			assert.notEqual(targetPathFault(path), undefined, JSON.stringify(path));
		}
	});
});

describe('a pattern', () => {
	it('fits the same paths here and in tuf-js', () => {
		const bits = ['a', 'b', '*', '?', '/', '-', '.b', 'é', '^', '!', '+', ','];
		let state = 7;
		const random = () => {
			state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
			return state >>> 8;
		};
		const text = (from: readonly string[]) =>
			Array.from({ length: 1 + (random() % 4) }, () => from[random() % from.length]).join('');
		let compared = 0;
		for (let i = 0; i < 2000; i++) {
			const [pattern, path] = [text(bits), text(bits.filter((bit) => bit !== '*' && bit !== '?'))];
			const hidden = path.split('/').some((part) => part.startsWith('.'));
			if (pathPatternFault(pattern) !== undefined || targetPathFault(path) !== undefined || hidden) continue;
			compared++;
			const [here, there] = delegated({ paths: [pattern] }, path);
			assert.equal(here, there, JSON.stringify([pattern, path]));
		}
		assert.ok(compared > 500, `${compared} compared`);
	});

	it('may not hold what clients read differently', () => {
		for (const pattern of ['[ab]', '{a,b}', '+(a)', '!a', 'x/#a', '**', 'a/**/b', '/*', '../*']) {
			assert.notEqual(pathPatternFault(pattern), undefined, pattern);
		}
		for (const pattern of ['*', 'releases/*', '*/*.swu', 'a-?.bin']) assert.equal(pathPatternFault(pattern), undefined);
	});
});

describe('all hash prefixes', () => {
	it('delegate every path, here and in tuf-js', () => {
		for (const path of ['a', '.hidden', 'a/b/c/d', 'é', '[']) {
			assert.deepEqual(delegated({ path_hash_prefixes: everyPathHashPrefix }, path), [true, true]);
		}
	});
});
