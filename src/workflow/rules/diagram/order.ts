// The second step of a layered drawing: the order of the vertices within each layer, with few crossings (barycentre
// heuristic). It leaves out positions: position.ts.

import type { Layered } from './layers.ts';

const sweeps = 8;

/** The layers of `graph`, each in the order in which it is drawn from left to right. */
export function ordered(graph: Layered): number[][] {
	const above: number[][] = graph.vertices.map(() => []);
	const below: number[][] = graph.vertices.map(() => []);
	for (const { from, to } of graph.segments) {
		above[to]?.push(from);
		below[from]?.push(to);
	}
	// States first, in the order of the document; trunks to their right.
	let layers = graph.layers.map((layer) => [...layer]);
	let best = layers;
	let fewest = crossings(layers, below);
	for (let sweep = 0; sweep < sweeps && fewest > 0; sweep++) {
		const downwards = sweep % 2 === 0;
		layers = swept(layers, downwards ? above : below, downwards);
		const count = crossings(layers, below);
		if (count >= fewest) continue;
		fewest = count;
		best = layers;
	}
	return best;
}

function places(layers: readonly (readonly number[])[]): Map<number, number> {
	return new Map(layers.flatMap((layer) => layer.map((vertex, place): [number, number] => [vertex, place])));
}

/** Sorts each layer by the mean place of the neighbours in the layer that was sorted before it. */
function swept(
	layers: readonly (readonly number[])[],
	neighbours: readonly number[][],
	downwards: boolean,
): number[][] {
	const place = places(layers);
	const result = layers.map((layer) => [...layer]);
	const turn = downwards ? result : [...result].reverse();
	for (const layer of turn) {
		const mean = new Map<number, number>();
		for (const vertex of layer) {
			const at = (neighbours[vertex] ?? []).map((neighbour) => place.get(neighbour) ?? 0);
			const own = place.get(vertex) ?? 0;
			mean.set(vertex, at.length === 0 ? own : at.reduce((sum, one) => sum + one, 0) / at.length);
		}
		layer.sort((a, b) => (mean.get(a) ?? 0) - (mean.get(b) ?? 0));
		for (const [index, vertex] of layer.entries()) place.set(vertex, index);
	}
	return result;
}

function crossings(layers: readonly (readonly number[])[], below: readonly number[][]): number {
	const place = places(layers);
	let count = 0;
	for (const [index, layer] of layers.entries()) {
		const ends: number[] = [];
		for (const vertex of layer) {
			const targets = (below[vertex] ?? []).map((target) => place.get(target) ?? 0);
			for (const target of targets.sort((a, b) => a - b)) ends.push(target);
		}
		count += inversions(ends, layers[index + 1]?.length ?? 0);
	}
	return count;
}

/** Pairs of which the first is greater, counted with a Fenwick tree (each value is below `size`). */
function inversions(values: readonly number[], size: number): number {
	const tree = new Uint32Array(size + 1);
	let count = 0;
	for (const [seen, value] of values.entries()) {
		let notGreater = 0;
		for (let at = value + 1; at > 0; at -= at & -at) notGreater += tree[at] ?? 0;
		count += seen - notGreater;
		for (let at = value + 1; at <= size; at += at & -at) tree[at] = (tree[at] ?? 0) + 1;
	}
	return count;
}
