// A workflow as a self-contained SVG 1.1 drawing: no script, no font, no reference to anything outside. It has its own
// background, and follows prefers-color-scheme. Syntax only; positions come from layout.ts.

import type { Workflow } from '../model.ts';
import { type Colour, plainColours } from './colours.ts';
import { type Arrow, type Box, drawingOf } from './layout.ts';
import { type Diagram, diagramOf } from './shape.ts';
import { type TextLine, textLines } from './text.ts';

const margin = 24;

export function svg(workflow: Workflow): string {
	const diagram = diagramOf(workflow);
	const drawing = drawingOf(diagram);
	const heading = textLines([
		{ text: diagram.title, size: 16, bold: true, wrap: 48 },
		{ text: diagram.description, size: 12, bold: false, wrap: 64 },
	]);
	const legend = legendOf(diagram);
	const width = Math.ceil(Math.max(heading.width, drawing.width, legend.width) + 2 * margin);
	const top = margin + heading.height + 12;
	const left = Math.max(margin, (width - drawing.width) / 2);
	const height = Math.ceil(top + drawing.height + 24 + legend.height + margin);
	const parts = [
		`<svg xmlns="http://www.w3.org/2000/svg" class="caisson-workflow" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
		`<title>${escaped(diagram.title)}</title>`,
		diagram.description && `<desc>${escaped(diagram.description)}</desc>`,
		`<style>${styles(diagram)}</style>`,
		`<rect class="ground" width="${width}" height="${height}"/>`,
		group(margin, margin, heading.lines.map(headingLine)),
		group(left, top, [
			...drawing.arrows.map((arrow) => arrowPath(arrow, diagram)),
			...drawing.boxes.map((box) => stateBox(box, diagram)),
			...drawing.arrows.map(arrowLabel),
		]),
		group(margin, top + drawing.height + 24, legend.parts),
		'</svg>',
	];
	return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

function group(x: number, y: number, parts: readonly string[]): string {
	return `<g transform="translate(${round(x)} ${round(y)})">\n${parts.join('\n')}\n</g>`;
}

function headingLine(line: TextLine): string {
	return `<text class="${line.bold ? 'title' : 'quiet'}" font-size="${line.size}" x="0" y="${round(line.y)}">${escaped(line.text)}</text>`;
}

function stateBox({ node, x, y, width, height, text }: Box, diagram: Diagram): string {
	const state = diagram.nodes[node];
	if (state === undefined) return '';
	const colour = `c${state.group ?? 'n'}`;
	const rect = (inset: number, radius: number) =>
		`<rect x="${round(x - width / 2 + inset)}" y="${round(y - height / 2 + inset)}" width="${round(width - 2 * inset)}" height="${round(height - 2 * inset)}" rx="${radius}"/>`;
	const parts = [
		`<g class="state ${colour}${state.known ? '' : ' unknown'}">`,
		`<title>${escaped(state.description ? `${state.name}: ${state.description}` : state.name)}</title>`,
		rect(0, 10),
	];
	if (state.final) parts.push(rect(3.5, 7));
	if (state.initial) parts.push(initialMark(x, y - height / 2));
	return `${parts.join('')}<text x="${round(x)}" y="${round(y + 4.5)}">${escaped(text)}</text></g>`;
}

function initialMark(x: number, y: number): string {
	const line = `<path class="line" d="M${round(x)} ${round(y - 24)}V${round(y - 6)}"/>`;
	return `<circle class="mark" cx="${round(x)}" cy="${round(y - 28)}" r="6"/>${line}${head({ x, y, turn: 0 })}`;
}

function arrowPath(arrow: Arrow, diagram: Diagram): string {
	const edge = diagram.edges[arrow.edge];
	if (edge === undefined) return '';
	const style = edge.immediate ? ' immediate' : edge.serverOnly ? ' server' : '';
	const title = `<title>${escaped(edge.description)}</title>`;
	return `<g>${title}<path class="line${style}" d="${arrow.path}"/>${arrow.head ? head(arrow.head) : ''}</g>`;
}

/** An arrowhead whose tip is at (x, y); turn 0 points down. */
function head({ x, y, turn }: { x: number; y: number; turn: number }): string {
	const turned = turn === 0 ? '' : ` rotate(${turn})`;
	return `<path class="head" transform="translate(${round(x)} ${round(y)})${turned}" d="M0 0L-4.5 -9L0 -7.2L4.5 -9Z"/>`;
}

function arrowLabel({ label }: Arrow): string {
	if (label === undefined) return '';
	return `<text class="label" text-anchor="${label.anchor}" x="${round(label.x)}" y="${round(label.y)}">${escaped(label.text)}</text>`;
}

/** Groups with their colours, then the kinds of lines that the drawing has. */
function legendOf(diagram: Diagram): { parts: string[]; width: number; height: number } {
	const parts: string[] = [];
	let width = 0;
	const row = (sample: string, name: string, explanation: string) => {
		const y = parts.length * 22;
		const words = textLines([{ text: `${name}  ${explanation}`, size: 12, bold: false, wrap: 72 }]);
		width = Math.max(width, 44 + words.width);
		const shown = words.lines[0]?.text.slice(name.length) ?? '';
		const tail = words.lines.length > 1 ? '…' : '';
		parts.push(
			`<g transform="translate(0 ${y})">${sample}<text class="quiet" font-size="12" x="40" y="14"><tspan class="name">${escaped(name)}</tspan>${escaped(shown + tail)}</text></g>`,
		);
	};
	for (const [index, { name, description }] of diagram.groups.entries()) {
		const sample = `<g class="state c${index}"><rect x="0" y="2" width="28" height="16" rx="5"/></g>`;
		row(sample, textLines([{ text: name, size: 12, bold: true, wrap: 32 }]).lines[0]?.text ?? '', description);
	}
	const line = (style: string) => `<path class="line${style}" d="M0 10H28"/>`;
	const { edges } = diagram;
	if (edges.some((edge) => !edge.serverOnly)) row(line(''), 'CLIENT', 'the device may take it');
	if (edges.some((edge) => edge.serverOnly && !edge.immediate))
		row(line(' server'), 'WFX', 'the server or an operator may take it');
	if (edges.some((edge) => edge.immediate)) row(line(' immediate'), 'IMMEDIATE', 'the server takes it at once');
	return { parts, width, height: parts.length * 22 };
}

/** Scoped to the class of the root, as the drawing may stand inside a page. */
function styles(diagram: Diagram): string {
	const groups = diagram.groups.map(({ colours }, index) => ({ name: `c${index}`, colours }));
	const all = [...groups, { name: 'cn', colours: plainColours }];
	const scope = '.caisson-workflow';
	const colours = (name: string, { fill, border, text }: Colour) =>
		`${scope} .${name} rect{fill:${fill};stroke:${border}}${scope} .${name} text{fill:${text}}`;
	const base = (ground: string, line: string, quiet: string) =>
		`${scope} .ground{fill:${ground}}${scope} .line{stroke:${line}}${scope} .head,${scope} .mark,${scope} .title,${scope} .name{fill:${line}}` +
		`${scope} .quiet{fill:${quiet}}${scope} .label{fill:${quiet};stroke:${ground}}`;
	return [
		`${scope} text{font-family:system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}`,
		`${scope} .line{fill:none;stroke-width:1.4}`,
		`${scope} .server{stroke-dasharray:5 4}`,
		`${scope} .immediate{stroke-width:2.8}`,
		`${scope} .state rect{stroke-width:1.4}`,
		`${scope} .unknown rect{stroke-dasharray:3 3}`,
		`${scope} .state text{font-size:13px;font-weight:600;text-anchor:middle}`,
		`${scope} .title,${scope} .name{font-weight:600}`,
		`${scope} .label{font-size:10.5px;stroke-width:4px;stroke-linejoin:round;paint-order:stroke}`,
		base('#ffffff', '#374151', '#4b5563'),
		...all.map(({ name, colours: { light } }) => colours(name, light)),
		`@media (prefers-color-scheme:dark){${base('#12161d', '#c9d1db', '#aab4c0')}${all.map((one) => colours(one.name, one.colours.dark)).join('')}}`,
	].join('\n');
}

function round(value: number): number {
	return Math.round(value * 10) / 10;
}

const entities: Readonly<Record<string, string>> = {
	'&': '&amp;',
	'<': '&lt;',
	'>': '&gt;',
	'"': '&quot;',
	"'": '&#39;',
};

/** XML 1.0 (section 2.2) has no way to write most control characters, lone surrogates, U+FFFE and U+FFFF. */
function escaped(text: string): string {
	return text
		.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
		.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
