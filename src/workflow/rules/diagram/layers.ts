// The first half of a layered drawing (Sugiyama, Tagawa and Toda, 1981): which layer each state is in, and what stands
// for the edges in the layers between. Edges into the same state share one trunk on their way, so that a state which
// is reached from everywhere (a failure) gets one line, not ten. It leaves out the order within a layer and all
// positions: order.ts, position.ts. Every walk is iterative, as a workflow may be thousands of states deep.

export interface Vertex {
	readonly layer: number;
	/** Position of the state in the diagram; undefined for a point of a trunk. */
	readonly node: number | undefined;
}

/** A piece of one or more edges from a vertex down to one in the next layer. */
export interface Segment {
	readonly from: number;
	readonly to: number;
	/** How many edges run through it. */
	weight: number;
}

/** One edge of the diagram: the vertices that it passes, from the top down. */
export interface Route {
	/** Position of the edge in the diagram. */
	readonly edge: number;
	readonly vertices: readonly number[];
	/** It points upwards: part of a cycle, which a valid workflow does not have. */
	readonly reversed: boolean;
}

export interface Layered {
	readonly vertices: readonly Vertex[];
	readonly segments: readonly Segment[];
	readonly routes: readonly Route[];
	/** The vertices of each layer. */
	readonly layers: readonly (readonly number[])[];
}

interface Edge {
	readonly from: number;
	readonly to: number;
}

/** Past this many points of trunks, long edges are drawn straight: it bounds the work on hostile workflows. */
const mostPoints = 20_000;

/** @param edges without self loops */
export function layered(nodes: number, edges: readonly Edge[]): Layered {
	const reversed = backEdges(nodes, edges);
	const down = edges.map(({ from, to }, index) => (reversed.has(index) ? { from: to, to: from } : { from, to }));
	const layer = longestPaths(nodes, down);
	const vertices: Vertex[] = layer.map((own, node) => ({ layer: own, node }));
	const segments = new Map<string, Segment>();
	const points = new Map<string, number>();
	const spanned = down.reduce((sum, { from, to }) => sum + (layer[to] ?? 0) - (layer[from] ?? 0) - 1, 0);
	const routes = down.map(({ from, to }, edge): Route => {
		const passed = [from];
		// A reversed edge shares no trunk: its arrowhead is at the other end.
		const trunk = reversed.has(edge) ? `edge ${edge}` : `to ${to}`;
		for (let at = (layer[from] ?? 0) + 1; at < (layer[to] ?? 0) && spanned <= mostPoints; at++) {
			const point = points.get(`${trunk} ${at}`) ?? vertices.push({ layer: at, node: undefined }) - 1;
			points.set(`${trunk} ${at}`, point);
			passed.push(point);
		}
		passed.push(to);
		for (const [index, below] of passed.slice(1).entries()) addSegment(segments, passed[index] ?? 0, below);
		return { edge, vertices: passed, reversed: reversed.has(edge) };
	});
	const layers: number[][] = Array.from({ length: 1 + layer.reduce((most, own) => Math.max(most, own), 0) }, () => []);
	for (const [vertex, { layer: own }] of vertices.entries()) layers[own]?.push(vertex);
	return { vertices, segments: [...segments.values()], routes, layers };
}

function addSegment(segments: Map<string, Segment>, from: number, to: number): void {
	const key = `${from} ${to}`;
	const segment = segments.get(key);
	if (segment === undefined) segments.set(key, { from, to, weight: 1 });
	else segment.weight++;
}

function outgoing(nodes: number, edges: readonly Edge[]): { to: number; edge: number }[][] {
	const lists: { to: number; edge: number }[][] = Array.from({ length: nodes }, () => []);
	for (const [edge, { from, to }] of edges.entries()) lists[from]?.push({ to, edge });
	return lists;
}

/** The edges that lead back into the path of a depth-first search; without them there is no cycle. */
function backEdges(nodes: number, edges: readonly Edge[]): Set<number> {
	const leaving = outgoing(nodes, edges);
	const entered = new Set(edges.map((edge) => edge.to));
	const all = [...leaving.keys()];
	const starts = [...all.filter((node) => !entered.has(node)), ...all];
	const mark = new Uint8Array(nodes); // 0 not reached, 1 on the path, 2 left
	const tried = new Uint32Array(nodes);
	const back = new Set<number>();
	for (const start of starts) {
		if (mark[start] !== 0) continue;
		const path = [start];
		mark[start] = 1;
		for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
			const index = tried[node] ?? 0;
			tried[node] = index + 1;
			const next = leaving[node]?.[index];
			if (next === undefined) {
				mark[node] = 2;
				path.pop();
			} else if (mark[next.to] === 1) {
				back.add(next.edge);
			} else if (mark[next.to] === 0) {
				mark[next.to] = 1;
				path.push(next.to);
			}
		}
	}
	return back;
}

/** The layer of each node: the length of the longest path to it. @param edges without cycles */
function longestPaths(nodes: number, edges: readonly Edge[]): number[] {
	const leaving = outgoing(nodes, edges);
	const missing = new Uint32Array(nodes);
	for (const { to } of edges) missing[to] = (missing[to] ?? 0) + 1;
	const layer = Array.from({ length: nodes }, () => 0);
	const ready = [...layer.keys()].filter((node) => missing[node] === 0);
	for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
		for (const { to } of leaving[node] ?? []) {
			layer[to] = Math.max(layer[to] ?? 0, (layer[node] ?? 0) + 1);
			missing[to] = (missing[to] ?? 0) - 1;
			if (missing[to] === 0) ready.push(to);
		}
	}
	return layer;
}
