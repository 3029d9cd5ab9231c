import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteRateRule, type ByteRates, type Sharer } from './byte-rate.ts';

interface Ticket {
	readonly sharer: Sharer;
	readonly bytes: number;
}

/** Asks again and again for each sharer over `seconds`. @returns the bytes that each was granted */
function run(rates: ByteRates, sharers: readonly Sharer[], seconds: number, bytes = 20_000): Map<Sharer, number> {
	const rule = new ByteRateRule<Ticket>(() => rates);
	const got = new Map<Sharer, number>(sharers.map((sharer) => [sharer, 0]));
	const pending: Ticket[] = sharers.map((sharer) => ({ sharer, bytes }));
	const count = ({ sharer }: Ticket) => got.set(sharer, (got.get(sharer) ?? 0) + bytes);
	for (let now = 0; now < seconds * 1000; now += 10) {
		for (const ticket of pending.splice(0)) {
			let asked = ticket;
			while (rule.ask(asked, asked.sharer, bytes, now)) {
				count(asked);
				asked = { ...asked };
			}
		}
		const { granted } = rule.advance(now);
		for (const ticket of granted) {
			count(ticket);
			pending.push({ ...ticket });
		}
	}
	return got;
}

const sum = (got: Map<Sharer, number>) => [...got.values()].reduce((a, b) => a + b, 0);
const near = (value: number, wanted: number) =>
	assert.ok(Math.abs(value / wanted - 1) < 0.05, `${value} for ${wanted}`);

test('all together get the total rate, in equal shares', () => {
	const got = run({ total: 1_000_000, each: 0 }, ['a', 'b', {}, {}], 20);
	near(sum(got), 20_000_000);
	for (const bytes of got.values()) near(bytes, 5_000_000);
});

test('several connections of one device share its cap and its turn', () => {
	const got = run({ total: 1_000_000, each: 0 }, ['many', 'many', 'many', 'one'], 20);
	near(got.get('one') ?? 0, 10_000_000);
	const capped = run({ total: 0, each: 100_000 }, ['many', 'many', 'many', 'one'], 20);
	near(capped.get('many') ?? 0, 2_000_000);
	near(capped.get('one') ?? 0, 2_000_000);
});

test('what a capped device leaves goes to the others', () => {
	const anonymous = {};
	const got = run({ total: 1_000_000, each: 100_000 }, ['slow', anonymous], 20);
	near(got.get('slow') ?? 0, 2_000_000);
	near(got.get(anonymous) ?? 0, 18_000_000);
});

test('a rate below one turn a second holds in the long run', () => {
	near(sum(run({ total: 1000, each: 0 }, ['a'], 2000, 20_000)), 2_000_000);
});

test('small answers do not wait behind large ones, but not without end', () => {
	const rule = new ByteRateRule<string>(() => ({ total: 100_000, each: 0 }));
	assert.equal(rule.ask('large', 'a', 250_000, 0), true);
	assert.equal(rule.ask('second', 'a', 250_000, 0), false);
	const later = 2500;
	assert.equal(rule.ask('small', 'b', 5000, later), true);
	let free = 0;
	while (rule.ask(`small ${free}`, 'b', 5000, later)) free++;
	assert.ok(free <= 4, `${free}`);
});

test('a withdrawn ticket gives its turn to the next', () => {
	const rule = new ByteRateRule<string>(() => ({ total: 100_000, each: 0 }));
	rule.ask('first', 'a', 100_000, 0);
	rule.ask('gone', 'b', 100_000, 0);
	rule.ask('next', 'c', 100_000, 0);
	rule.withdraw('gone', 'b');
	rule.withdraw('unknown', 'x');
	assert.deepEqual(rule.advance(0), { granted: [], wait: 901 });
	assert.deepEqual(rule.advance(1000), { granted: ['next'], wait: undefined });
});

test('a cap that is lifted lets everybody go, and a clock that was set back harms nobody', () => {
	let rates: ByteRates = { total: 1000, each: 1000 };
	const rule = new ByteRateRule<string>(() => rates);
	rule.ask('a', 'a', 100_000, 1_000_000);
	rule.ask('b', 'a', 100_000, 1_000_000);
	assert.deepEqual(rule.advance(0).granted, []);
	rates = { total: 0, each: 0 };
	assert.deepEqual(rule.advance(0), { granted: ['b'], wait: undefined });
	assert.equal(rule.capped, false);
});

test('a million devices, one after the other, are not remembered', () => {
	const rule = new ByteRateRule<number>(() => ({ total: 0, each: 1_000_000 }));
	let most = 0;
	for (let device = 0; device < 1_000_000; device++) {
		rule.ask(device, `device-${device}`, 1000, device / 10);
		most = Math.max(most, rule.remembered);
	}
	assert.ok(most < 100, `${most}`);
});

test('the bytes of a turn shrink as more devices wait', () => {
	const rule = new ByteRateRule<number>(() => ({ total: 10_000_000, each: 0 }));
	assert.equal(rule.turn, 256 * 1024);
	for (let device = 0; device < 1000; device++) rule.ask(device, `device-${device}`, 256 * 1024, 0);
	assert.ok(rule.turn < 2000 && rule.turn >= 1000, `${rule.turn}`);
});
