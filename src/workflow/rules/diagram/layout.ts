// From a diagram to shapes with positions: boxes, curves with arrowheads, labels. Layers run from the top down. It
// leaves out how they are written: svg.ts.

import { type Layered, layered, type Route } from './layers.ts';
import { ordered } from './order.ts';
import { positions } from './position.ts';
import { type Diagram, oneLine, shortened } from './shape.ts';
import { textWidth } from './text.ts';

export interface Box {
	/** Position of the state in the diagram. */
	readonly node: number;
	/** The middle. */
	readonly x: number;
	readonly y: number;
	readonly width: number;
	readonly height: number;
	readonly text: string;
}

export interface Arrow {
	/** Position of the edge in the diagram. */
	readonly edge: number;
	/** SVG path data. */
	readonly path: string;
	/** The tip; turn in degrees, 0 pointing down. Undefined where another arrow on the same trunk has it. */
	readonly head: { x: number; y: number; turn: number } | undefined;
	readonly label: { x: number; y: number; anchor: 'start' | 'middle' | 'end'; text: string } | undefined;
}

export interface Drawing {
	readonly boxes: readonly Box[];
	readonly arrows: readonly Arrow[];
	readonly width: number;
	readonly height: number;
}

const boxHeight = 38;
const layerHeight = 92;
const labelSize = 10.5;
const loopReach = 26;
/** Room above the first layer for the mark of the initial state. */
const headRoom = 40;
/** Between two arrows on the same side of a box. */
const portGap = 20;

export function drawingOf(diagram: Diagram): Drawing {
	const plain = diagram.edges.flatMap((edge, index) => (edge.from === edge.to ? [] : [index]));
	const graph = layered(
		diagram.nodes.length,
		plain.map((index) => diagram.edges[index] ?? { from: 0, to: 0 }),
	);
	const texts = diagram.nodes.map((node) => shortened(oneLine(node.name) || '?', 36));
	const widths = texts.map((text) => Math.max(96, Math.ceil(textWidth(text, 13, true)) + 32));
	const loops = new Map(diagram.edges.flatMap((edge, index) => (edge.from === edge.to ? [[edge.from, index]] : [])));
	const extents = graph.vertices.map(({ node }) => {
		if (node === undefined) return { left: 20, right: 10 };
		const half = (widths[node] ?? 0) / 2;
		const loop = diagram.edges[loops.get(node) ?? -1];
		return { left: half + (loop ? loopReach + 6 + textWidth(loop.label, labelSize) : 0), right: half };
	});
	const xs = positions(graph, ordered(graph), extents, 28);
	const canvas: Canvas = { diagram, graph, xs, widths, ports: portsOf(graph, xs, widths) };
	const boxes = diagram.nodes.map((_, node): Box => {
		const at = { x: xs[node] ?? 0, y: layerY(graph, node) };
		return { node, ...at, width: widths[node] ?? 0, height: boxHeight, text: texts[node] ?? '' };
	});
	const drawn = new Set<string>();
	const arrows = graph.routes.map((route) => routed(canvas, { ...route, edge: plain[route.edge] ?? 0 }, drawn));
	for (const [node, edge] of loops) arrows.push(looped(canvas, node, edge));
	const labelEnds = arrows.map(({ label }) => (label ? label.x + textWidth(label.text, labelSize) : 0));
	const ends = [...extents.map((extent, vertex) => (xs[vertex] ?? 0) + extent.right), ...labelEnds];
	return { boxes, arrows, width: ends.reduce((most, end) => Math.max(most, end), 0), height: heightOf(graph) };
}

interface Canvas {
	readonly diagram: Diagram;
	readonly graph: Layered;
	readonly xs: readonly number[];
	readonly widths: readonly number[];
	readonly ports: Ports;
}

function heightOf(graph: Layered): number {
	return headRoom + (graph.layers.length - 1) * layerHeight + boxHeight;
}

function layerY(graph: Layered, vertex: number): number {
	return headRoom + boxHeight / 2 + (graph.vertices[vertex]?.layer ?? 0) * layerHeight;
}

/** How far from the middle of a box the arrow to or from a neighbour touches it. */
interface Ports {
	readonly leaving: ReadonlyMap<string, number>;
	readonly entering: ReadonlyMap<string, number>;
}

function portsOf(graph: Layered, xs: readonly number[], widths: readonly number[]): Ports {
	const below = new Map<number, number[]>();
	const above = new Map<number, number[]>();
	for (const { from, to } of graph.segments) {
		below.set(from, [...(below.get(from) ?? []), to]);
		above.set(to, [...(above.get(to) ?? []), from]);
	}
	const spread = (neighbours: ReadonlyMap<number, number[]>) => {
		const ports = new Map<string, number>();
		for (const [vertex, others] of neighbours) {
			if (graph.vertices[vertex]?.node === undefined) continue;
			for (const [other, offset] of spreadOut(vertex, others, xs, widths[vertex] ?? 0)) {
				ports.set(`${vertex} ${other}`, offset);
			}
		}
		return ports;
	};
	return { leaving: spread(below), entering: spread(above) };
}

/** A neighbour straight above or below keeps the middle; the others fan out to their sides. */
function spreadOut(
	vertex: number,
	others: readonly number[],
	xs: readonly number[],
	width: number,
): [number, number][] {
	const own = xs[vertex] ?? 0;
	const sorted = [...others].sort((a, b) => (xs[a] ?? 0) - (xs[b] ?? 0));
	const straight = sorted.findIndex((other) => Math.abs((xs[other] ?? 0) - own) < 1);
	const middle = straight >= 0 ? straight : (sorted.length - 1) / 2;
	const reach = Math.max(middle, sorted.length - 1 - middle, 1);
	const step = Math.min(portGap, (width / 2 - 14) / reach);
	return sorted.map((other, index) => [other, (index - middle) * step]);
}

/**
 * The curve of an edge through its trunk. Pieces that another edge of the trunk has drawn are left out, so that dashes
 * of the two do not blur.
 */
function routed({ diagram, graph, xs, ports }: Canvas, route: Route, drawn: Set<string>): Arrow {
	const { vertices, reversed, edge } = route;
	const half = boxHeight / 2;
	const pieces: string[] = [];
	let head: Arrow['head'];
	let label: Arrow['label'];
	for (const [index, below] of vertices.slice(1).entries()) {
		const above = vertices[index] ?? 0;
		const first = index === 0;
		const last = index === vertices.length - 2;
		const key = `${above} ${below} ${reversed}`;
		const x1 = (xs[above] ?? 0) + (ports.leaving.get(`${above} ${below}`) ?? 0);
		const x2 = (xs[below] ?? 0) + (ports.entering.get(`${below} ${above}`) ?? 0);
		const y1 = layerY(graph, above) + (first ? half : 0);
		const y2 = layerY(graph, below) - (last ? half : 0);
		if (first) {
			const piece = { x1, y1, x2, y2: last ? y2 : y1 + layerHeight - boxHeight };
			label = labelFor(diagram.edges[edge]?.label ?? '', piece, last);
		}
		if (drawn.has(key)) continue;
		drawn.add(key);
		const start = reversed && first ? y1 + 6 : y1;
		const end = !reversed && last ? y2 - 6 : y2;
		pieces.push(curve({ x1, y1: start, x2, y2: end }));
		if (reversed && first) head = { x: x1, y: y1, turn: 180 };
		if (!reversed && last) head = { x: x2, y: y2, turn: 0 };
	}
	return { edge, path: pieces.join(''), head, label };
}

interface Piece {
	readonly x1: number;
	readonly y1: number;
	readonly x2: number;
	readonly y2: number;
}

function curve({ x1, y1, x2, y2 }: Piece): string {
	if (Math.abs(x1 - x2) < 1) return `M${round(x1)} ${round(y1)}V${round(y2)}`;
	const bend = (y2 - y1) / 2;
	return `M${round(x1)} ${round(y1)}C${round(x1)} ${round(y1 + bend)} ${round(x2)} ${round(y2 - bend)} ${round(x2)} ${round(y2)}`;
}

/**
 * Beside the middle of the first piece. Trunks arrive from the right, so a piece that ends at a state has its label on
 * the left, and only one that joins a trunk has it on the right.
 */
function labelFor(text: string, piece: Piece, toState: boolean): NonNullable<Arrow['label']> {
	const bent = piece.x2 - piece.x1;
	const x = piece.x1 + bent / 2;
	const y = (piece.y1 + piece.y2) / 2 + 3.5;
	if (Math.abs(bent) < 1) return { x: x - 7, y, anchor: 'end', text };
	if (bent < 0) return { x: x - 8, y: y - 8, anchor: 'end', text };
	return toState ? { x: x - 4, y: y + 11, anchor: 'end', text } : { x: x + 8, y: y - 8, anchor: 'start', text };
}

/** A self loop, at the left of its box. */
function looped({ diagram, graph, xs, widths }: Canvas, node: number, edge: number): Arrow {
	const x = (xs[node] ?? 0) - (widths[node] ?? 0) / 2;
	const y = layerY(graph, node);
	const out = round(x - loopReach);
	const path = `M${round(x)} ${y - 9}C${out} ${y - 20} ${out} ${y + 20} ${round(x - 6)} ${y + 9}`;
	const label = { x: x - loopReach, y: y + 3.5, anchor: 'end' as const, text: diagram.edges[edge]?.label ?? '' };
	return { edge, path, head: { x, y: y + 8, turn: -75 }, label };
}

function round(value: number): number {
	return Math.round(value * 10) / 10;
}
