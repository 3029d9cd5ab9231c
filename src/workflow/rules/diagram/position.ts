// The third step of a layered drawing: where each vertex stands from left to right. Each is drawn towards the median of
// its neighbours, so that the main path becomes a straight column; within a layer, the order and the distances hold.

import type { Layered } from './layers.ts';

/** Room that a vertex needs to the left and to the right of its middle. */
export interface Extent {
	readonly left: number;
	readonly right: number;
}

const sweeps = 15;

/** The middle of each vertex. The smallest position is such that everything is right of 0. */
export function positions(
	graph: Layered,
	layers: readonly (readonly number[])[],
	extents: readonly Extent[],
	gap: number,
): number[] {
	const above: Pull[][] = graph.vertices.map(() => []);
	const below: Pull[][] = graph.vertices.map(() => []);
	for (const { from, to, weight } of graph.segments) {
		const fromState = graph.vertices[from]?.node !== undefined;
		const toState = graph.vertices[to]?.node !== undefined;
		// The top of a trunk stays where it is, rather than crowd the state below the one that it leaves.
		if (toState || !fromState) above[to]?.push({ vertex: from, weight: fromState ? 3 : weight });
		below[from]?.push({ vertex: to, weight: fromState && toState ? 3 : weight });
	}
	const place = Array.from({ length: graph.vertices.length }, () => 0);
	for (const layer of layers) settle(layer, place, [], extents, gap);
	for (let sweep = 0; sweep < sweeps; sweep++) {
		const downwards = sweep % 2 === 0;
		const turn = downwards ? layers : [...layers].reverse();
		for (const layer of turn) settle(layer, place, downwards ? above : below, extents, gap);
	}
	const leftmost = place.reduce((least, at, vertex) => Math.min(least, at - (extents[vertex]?.left ?? 0)), Infinity);
	return place.map((at) => at - leftmost);
}

interface Pull {
	readonly vertex: number;
	/** What counts for the median; between states more than one edge of a trunk, less than a busy trunk. */
	readonly weight: number;
}

/**
 * Puts a layer as near as its distances allow to where its vertices are drawn: least squares under an order, by
 * pooling adjacent violators.
 */
function settle(
	layer: readonly number[],
	place: number[],
	pulls: readonly Pull[][],
	extents: readonly Extent[],
	gap: number,
): void {
	const offsets: number[] = [];
	const blocks: Block[] = [];
	let offset = 0;
	for (const [index, vertex] of layer.entries()) {
		const before = layer[index - 1];
		if (before !== undefined) offset += (extents[before]?.right ?? 0) + gap + (extents[vertex]?.left ?? 0);
		offsets.push(offset);
		const weight = pulls[vertex]?.some((pull) => pull.weight === 3) ? 3 : 1;
		const wanted = weightedMedian(pulls[vertex] ?? [], place) ?? place[vertex] ?? 0;
		let block: Block = { sum: (wanted - offset) * weight, count: weight, size: 1 };
		for (let last = blocks.at(-1); last !== undefined && mean(last) > mean(block); last = blocks.at(-1)) {
			blocks.pop();
			block = { sum: last.sum + block.sum, count: last.count + block.count, size: block.size + last.size };
		}
		blocks.push(block);
	}
	let index = 0;
	for (const block of blocks) {
		for (let step = 0; step < block.size; step++, index++) {
			const vertex = layer[index];
			if (vertex !== undefined) place[vertex] = mean(block) + (offsets[index] ?? 0);
		}
	}
}

/** Neighbours that touch and so move together. */
interface Block {
	readonly sum: number;
	readonly count: number;
	readonly size: number;
}

function mean(block: Block): number {
	return block.sum / block.count;
}

function weightedMedian(pulls: readonly Pull[], place: readonly number[]): number | undefined {
	const sorted = [...pulls].sort((a, b) => (place[a.vertex] ?? 0) - (place[b.vertex] ?? 0));
	const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
	let passed = 0;
	for (const [index, { vertex, weight }] of sorted.entries()) {
		passed += weight;
		const at = place[vertex] ?? 0;
		if (passed > half) return at;
		if (passed === half) return (at + (place[sorted[index + 1]?.vertex ?? vertex] ?? at)) / 2;
	}
	return undefined;
}
