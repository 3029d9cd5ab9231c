// Row 17 of the attack table: manifests that are replayed, forged or not whole. The device makes honest ones; a test spoils
// them, and the director's checks say what is wrong.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { readManifest, type SignedManifest } from '../../src/trust/rules/director/manifest.ts';
import { type ManifestContext, manifestFindings } from '../../src/trust/rules/director/manifest-checks.ts';
import { type AttackWorld, newComponent, withAttackWorld } from './world.ts';

const components = [newComponent('main', 'board-a', true), newComponent('radio', 'radio-1')];

/** The codes of the findings of the director, with the components that they name. */
function judge(
	world: AttackWorld,
	manifest: SignedManifest,
	context: Partial<ManifestContext> = {},
): readonly string[] {
	const read = readManifest(Buffer.from(JSON.stringify(manifest)));
	if (typeof read === 'string') return [read];
	const known = { inventory: world.inventory, lastCounter: 0, nonceUsed: () => false, now: Date.now() };
	const findings = manifestFindings(read, { ...known, verify: verifyTrustSignature, ...context });
	return findings.map(({ code, component }) => (component === undefined ? code : `${code} ${component}`));
}

test('attack 17: an honest manifest has no finding; the next one has a higher counter', () =>
	withAttackWorld(
		async (world) => {
			const first = await world.manifest();
			assert.deepEqual(judge(world, first), []);
			const second = await world.manifest();
			assert.ok(second.signed.counter > first.signed.counter);
			assert.deepEqual(judge(world, second, { lastCounter: first.signed.counter }), []);
		},
		{ components },
	));

test('attack 17: a manifest that was seen before is dropped for its nonce and its counter', () =>
	withAttackWorld(
		async (world) => {
			const { signed, signatures } = await world.manifest();
			const seen = { nonceUsed: (nonce: string) => nonce === signed.nonce, lastCounter: signed.counter };
			assert.deepEqual(judge(world, { signed, signatures }, seen), ['nonce-used', 'counter-not-new']);
			assert.deepEqual(judge(world, await world.manifest(world.reporting(), Buffer.from(signed.nonce, 'hex')), seen), [
				'nonce-used',
			]);
		},
		{ components },
	));

test('attack 17: keys of others sign neither the manifest nor a report', () =>
	withAttackWorld(
		async (world) => {
			const [main, radio] = components as [(typeof components)[0], (typeof components)[0]];
			const forge = (changed: readonly (typeof components)[0][]) => world.manifest(world.reporting(changed));
			const stranger = newComponent('radio', 'radio-1');
			assert.deepEqual(judge(world, await forge([main, stranger])), ['signature-of-report radio']);
			assert.deepEqual(judge(world, await forge([{ ...main, privateKey: stranger.privateKey }, radio])), [
				'signature-of-manifest main',
			]);
			const honest = await world.manifest();
			const spoiled = { ...honest, signed: { ...honest.signed, counter: honest.signed.counter + 1 } };
			assert.deepEqual(judge(world, spoiled), ['signature-of-manifest main']);
		},
		{ components },
	));

test('attack 17: a component that does not report, one that is unknown, and a report of before are dropped', () =>
	withAttackWorld(
		async (world) => {
			const [main, radio] = components as [(typeof components)[0], (typeof components)[0]];
			assert.deepEqual(judge(world, await world.manifest(world.reporting([main]))), ['component-missing radio']);
			const more = await world.manifest(world.reporting([main, radio, newComponent('extra', 'x')]));
			assert.deepEqual(judge(world, more), ['component-unknown extra']);
			const before = await world.manifest();
			const mixed = structuredClone(await world.manifest()) as {
				signed: { reports: Record<string, unknown> } & SignedManifest['signed'];
				signatures: SignedManifest['signatures'];
			};
			Object.assign(mixed.signed.reports, { radio: before.signed.reports.radio });
			assert.deepEqual(judge(world, mixed), ['signature-of-manifest main'], 'the primary signs the reports');
		},
		{ components },
	));

test('attack 17: a manifest of another device, or of a time that cannot be, is dropped', () =>
	withAttackWorld(
		async (world) => {
			const honest = await world.manifest();
			const inventory = { ...world.inventory, device: 'pump-8' };
			assert.deepEqual(judge(world, honest, { inventory }), ['wrong-device']);
			const times = ['time-implausible main', 'time-implausible radio', 'time-implausible'];
			assert.deepEqual(judge(world, honest, { now: Date.now() + 25 * 3_600_000 }), times);
			assert.deepEqual(judge(world, honest, { now: Date.now() - 3_600_000 }), times);
		},
		{ components },
	));

test('a manifest of random damage is refused or has findings, and nothing is thrown', () =>
	withAttackWorld(
		async (world) => {
			const text = Buffer.from(JSON.stringify(await world.manifest()));
			let seed = 7;
			const next = (below: number) => {
				seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
				return seed % below;
			};
			for (let round = 0; round < 300; round++) {
				const damaged = Buffer.from(text);
				for (let flips = 0; flips <= round % 4; flips++) damaged[next(damaged.length)] = next(256);
				if (damaged.equals(text)) continue;
				const read = readManifest(round % 5 === 0 ? damaged.subarray(0, next(damaged.length)) : damaged);
				if (typeof read === 'string') continue;
				// What is outside of signatures, such as the name of a key, may change.
				const findings = judge(world, read);
				assert.ok(
					findings.length > 0 || JSON.stringify(read.signed) === JSON.stringify(JSON.parse(String(text)).signed),
				);
			}
			assert.equal(typeof readManifest(randomBytes(1000)), 'string');
		},
		{ components },
	));
