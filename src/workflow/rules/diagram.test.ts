// Drawings: what each shows, that no name gets out of its place in any format, and that Graphviz reads the DOT.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { builtinWorkflow, builtinWorkflowNames } from '../builtin.ts';
import { groupColours, palette, plainColours } from './diagram/colours.ts';
import { layered } from './diagram/layers.ts';
import { drawingOf } from './diagram/layout.ts';
import { diagramOf, oneLine } from './diagram/shape.ts';
import { diagramFormats, dot, mermaid, plantuml, svg } from './diagram.ts';
import type { Workflow, WorkflowTransition } from './model.ts';
import { parseWorkflow } from './parse.ts';

const kanban = builtinWorkflow('wfx.workflow.kanban');
const builtins = builtinWorkflowNames.map((name) => builtinWorkflow(name));
const goodFolder = new URL('../../../testdata/workflow/good/', import.meta.url);
const anyNames = parseWorkflow(readFileSync(new URL('any-names.yaml', goodFolder), 'utf8'));

test('transitions between the same two states are one arrow that names all actors', () => {
	const { edges, nodes } = diagramOf(kanban);
	assert.deepEqual(
		edges.map(({ from, to, label }) => `${nodes[from]?.name} ${nodes[to]?.name} ${label}`),
		[
			'BACKLOG NEW WFX IMMEDIATE',
			'NEW PROGRESS CLIENT',
			'NEW DISCARDED WFX',
			'PROGRESS VALIDATE CLIENT',
			'PROGRESS PROGRESS CLIENT',
			'VALIDATE DISCARDED CLIENT, WFX',
			'VALIDATE DONE CLIENT, WFX',
		],
	);
});

test('the initial state and the final ones are marked, and states know their group', () => {
	const marks = diagramOf(kanban).nodes.map(({ name, initial, final, group }) => [name, initial, final, group]);
	assert.deepEqual(marks, [
		['BACKLOG', true, false, undefined],
		['NEW', false, false, 0],
		['PROGRESS', false, false, 0],
		['VALIDATE', false, false, 0],
		['DONE', false, true, 1],
		['DISCARDED', false, true, 1],
	]);
});

test('mermaid: states, marks, labelled edges and colours of groups', () => {
	const lines = mermaid(kanban)
		.split('\n')
		.map((line) => line.trim());
	assert.deepEqual(lines.slice(0, 4), ['---', 'title: "wfx.workflow.kanban"', '---', 'stateDiagram-v2']);
	for (const line of [
		'state "BACKLOG" as s0',
		'[*] --> s0',
		's0 --> s1 : WFX IMMEDIATE',
		's3 --> s4 : CLIENT, WFX',
		's5 --> [*]',
	]) {
		assert.ok(lines.includes(line), line);
	}
	assert.ok(lines.includes('class s1,s2,s3,g0 colour0') && lines.includes('class s4,s5,g1 colour1'));
});

test('plantuml: states, marks, labelled edges and a legend', () => {
	const lines = plantuml(kanban).trimEnd().split('\n');
	assert.deepEqual([lines[0], lines.at(-1)], ['@startuml', '@enduml']);
	for (const line of ['[*] --> s0', 's0 -[bold]-> s1 : WFX IMMEDIATE', 's1 -[dashed]-> s5 : WFX', 's4 --> [*]']) {
		assert.ok(lines.includes(line), line);
	}
	assert.ok(lines.some((line) => line.startsWith('  |<#dbeafe> OPEN |')));
});

test('dot: states, marks, labelled edges and a legend', () => {
	const text = dot(kanban);
	assert.match(text, /^digraph "wfx.workflow.kanban" \{/);
	assert.match(text, /initial -> s0\n/);
	assert.match(text, /s0 -> s1 \[label=" WFX IMMEDIATE ", style=bold/);
	assert.match(text, /s4 \[label="DONE".*peripheries=2/);
	assert.match(text, /subgraph cluster_legend/);
});

const graphviz = spawnSync('dot', ['-V']).error === undefined;
test('Graphviz reads the dot output, with every label as it was', {
	skip: graphviz ? false : 'dot is not installed',
}, () => {
	for (const workflow of [...builtins, anyNames]) {
		const { status, stdout, stderr } = spawnSync('dot', ['-Tjson'], { input: dot(workflow), encoding: 'utf8' });
		assert.deepEqual([status, stderr], [0, '']);
		const objects: { name: string; label?: string }[] = JSON.parse(stdout).objects;
		const labels = objects.filter(({ name }) => /^s\d+$/.test(name)).map(({ label }) => label);
		const expected = diagramOf(workflow).nodes.map(({ name }) => oneLine(name));
		// Graphviz's JSON keeps the escapes of the source.
		assert.deepEqual(
			labels.map((label) => label?.replaceAll('&amp;', '&').replaceAll('\\\\', '\\')),
			expected,
		);
	}
});

test('mermaid: a name is never more than quoted text', () => {
	for (const line of mermaid(anyNames).split('\n')) {
		assert.match(
			line.trim(),
			/^(---|title: "any-names"|stateDiagram-v2|state "(#\d+;|[\p{L}\p{N} _.\-/])*" as [sg]\d+|state "Groups" as legend \{|\}|(\[\*\]|s\d+) --> (\[\*\]|s\d+)( : [A-Z, ]+)?|classDef colour\d [\w:#,]+|class [\w,]+ colour\d|)$/u,
		);
	}
});

test('plantuml: no name begins a directive or calls a function', () => {
	for (const line of plantuml(anyNames).split('\n').slice(1, -2)) assert.doesNotMatch(line, /^\s*[!@]|%|\$|\\/);
});

/** Enough of XML to see that every tag is closed and that text and attributes hold nothing raw. */
function wellFormed(text: string): string[] {
	const open: string[] = [];
	const names: string[] = [];
	const token =
		/<(\/?)([\w]+)((?: [\w:-]+="[^"<&]*(?:&[a-z#0-9]+;[^"<&]*)*")*)(\/?)>|([^<&]|&(?:amp|lt|gt|quot|#39);)+/gy;
	let at = 0;
	while (at < text.length) {
		token.lastIndex = at;
		const found = token.exec(text);
		assert.ok(found, `not well-formed at: ${text.slice(at, at + 60)}`);
		at = token.lastIndex;
		const [, closing, name, , empty] = found;
		if (name === undefined) continue;
		names.push(name);
		if (closing) assert.equal(open.pop(), name);
		else if (!empty) open.push(name);
	}
	assert.deepEqual(open, []);
	return names;
}

test('svg: well-formed and self-contained for every workflow, whatever its names', () => {
	for (const workflow of [...builtins, anyNames]) {
		const text = svg(workflow);
		const allowed = new Set(['svg', 'title', 'desc', 'style', 'rect', 'g', 'text', 'tspan', 'path', 'circle']);
		for (const name of wellFormed(text)) assert.ok(allowed.has(name), name);
		assert.doesNotMatch(text, /href|url\(|@import|NaN|undefined|Infinity/);
		// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 cannot hold them
		assert.doesNotMatch(text, /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
	}
});

test('svg: has its own background and follows the colour scheme of the reader', () => {
	const text = svg(kanban);
	assert.match(text, /<rect class="ground"/);
	assert.match(text, /@media \(prefers-color-scheme:dark\)/);
});

function overlap(a: { x: number; y: number; width: number; height: number }, b: typeof a): boolean {
	return Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
}

test('the layout lets no boxes touch, keeps all inside, and points every arrow of a valid workflow down', () => {
	for (const workflow of [...builtins, anyNames]) {
		const diagram = diagramOf(workflow);
		const { boxes, arrows, width, height } = drawingOf(diagram);
		for (const [index, box] of boxes.entries()) {
			assert.ok(box.x - box.width / 2 >= 0 && box.x + box.width / 2 <= width + 0.01 && box.y < height);
			for (const other of boxes.slice(index + 1)) assert.ok(!overlap(box, other), `${box.text} ${other.text}`);
		}
		assert.equal(arrows.length, diagram.edges.length);
		for (const { edge } of arrows) {
			const { from, to } = diagram.edges[edge] ?? { from: 0, to: 0 };
			if (from !== to) assert.ok((boxes[from]?.y ?? 0) < (boxes[to]?.y ?? 0));
		}
	}
});

test('the main path of the built-in update workflows is one straight column', () => {
	for (const workflow of builtins.slice(0, 2)) {
		const { boxes } = drawingOf(diagramOf(workflow));
		const column = boxes.slice(0, -2).map(({ x }) => Math.round(x));
		assert.equal(new Set(column).size, 1, column.join(' '));
	}
});

test('edges into the same state share a trunk, so that there is one point a layer', () => {
	const edges = [0, 1, 2, 3].flatMap((from) => [{ from, to: from + 1 }, ...(from < 3 ? [{ from, to: 4 }] : [])]);
	const { vertices } = layered(5, edges);
	assert.deepEqual(
		vertices.filter(({ node }) => node === undefined).map(({ layer }) => layer),
		[1, 2, 3],
	);
});

test('what validation refuses is drawn all the same: cycles, unknown states, no states', () => {
	const edge = (from: string, to: string): WorkflowTransition => ({ from, to, eligible: 'CLIENT' });
	const cycle: Workflow = {
		name: 'x',
		states: [{ name: 'A' }, { name: 'B' }, { name: 'A' }],
		transitions: [edge('A', 'B'), edge('B', 'A'), edge('B', 'C'), edge('C', 'A')],
	};
	for (const workflow of [cycle, { name: 'empty', states: [], transitions: [] }]) {
		for (const draw of Object.values(diagramFormats)) assert.notEqual(draw(workflow), '');
		wellFormed(svg(workflow));
	}
	assert.deepEqual(
		diagramOf(cycle).nodes.map(({ name, known }) => [name, known]),
		[
			['A', true],
			['B', true],
			['C', false],
		],
	);
	const turns = drawingOf(diagramOf(cycle)).arrows.map(({ head }) => head?.turn);
	assert.deepEqual(turns, [0, 180, 0, 180]);
});

test('the largest workflow that wfx allows is drawn in every format', () => {
	const states = Array.from({ length: 4096 }, (_, index) => ({ name: `S${index}` }));
	const chain = states.slice(1).map(({ name }, index): WorkflowTransition => {
		return { from: `S${index}`, to: name, eligible: 'CLIENT' };
	});
	const long = [2, 3, 4].flatMap((step) =>
		chain.slice(step).map(({ to }, index): WorkflowTransition => ({ from: `S${index % 64}`, to, eligible: 'WFX' })),
	);
	const workflow = { name: 'large', states, transitions: [...chain, ...long].slice(0, 16384) };
	for (const draw of Object.values(diagramFormats)) assert.ok(draw(workflow).includes('S4095'));
});

test('every colour of text on its fill has a contrast above 7:1', () => {
	const luminance = (colour: string) => {
		const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
			const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
			return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
		});
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	for (const { light, dark } of [...palette, plainColours]) {
		for (const { fill, text } of [light, dark]) {
			const [high = 0, low = 0] = [luminance(fill), luminance(text)].sort((a, b) => b - a);
			assert.ok((high + 0.05) / (low + 0.05) > 7, `${text} on ${fill}`);
		}
	}
});

test('known group names have their colour, others take what is left, also when colours run out', () => {
	const names = ['REVIEW', 'FAILED', 'OPEN', ...Array.from({ length: 20 }, (_, index) => `G${index}`)];
	const colours = groupColours(names);
	assert.equal(colours.length, names.length);
	assert.equal(colours[1]?.light.border, '#dc2626');
	assert.notEqual(colours[0], colours[1]);
	assert.notEqual(colours[0], colours[2]);
});
