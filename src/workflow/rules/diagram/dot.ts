// A workflow in the DOT language of Graphviz (https://graphviz.org/doc/info/lang.html).

import type { Workflow } from '../model.ts';
import { type Colours, plainColours } from './colours.ts';
import { diagramOf, oneLine } from './shape.ts';

/** Names stand in quoted strings only, where a quote and a backslash are all there is to escape. */
export function dot(workflow: Workflow): string {
	const { title, nodes, edges, groups } = diagramOf(workflow);
	const font = 'fontname="Helvetica,Arial,sans-serif"';
	const lines = [
		`digraph ${quoted(title)} {`,
		`  graph [label=${quoted(title)}, labelloc=t, fontsize=16, ${font}, rankdir=TB, nodesep=0.4, ranksep=0.5]`,
		`  node [shape=box, style="rounded,filled", fontsize=12, margin="0.2,0.08", ${font}]`,
		`  edge [fontsize=10, arrowsize=0.8, ${font}]`,
	];
	for (const [index, node] of nodes.entries()) {
		const colours = groups[node.group ?? -1]?.colours ?? plainColours;
		const final = node.final ? ', peripheries=2' : '';
		const tooltip = node.description ? `, tooltip=${quoted(node.description)}` : '';
		lines.push(`  s${index} [label=${quoted(node.name)}, ${look(colours)}${final}${tooltip}]`);
	}
	for (const [index, node] of nodes.entries()) {
		if (!node.initial) continue;
		lines.push(
			'  initial [shape=circle, label="", width=0.15, style=filled, fillcolor=black]',
			`  initial -> s${index}`,
		);
	}
	for (const edge of edges) {
		const style = edge.immediate ? ', style=bold, penwidth=2' : edge.serverOnly ? ', style=dashed' : '';
		const tooltip = `, tooltip=${quoted(edge.description)}`;
		lines.push(`  s${edge.from} -> s${edge.to} [label=" ${edge.label} "${style}${tooltip}]`);
	}
	if (groups.length > 0) {
		lines.push('  subgraph cluster_legend {', '    label="Groups"; fontsize=12; color=gray; style=rounded');
		for (const [index, group] of groups.entries()) {
			const tooltip = group.description ? `, tooltip=${quoted(group.description)}` : '';
			lines.push(`    g${index} [label=${quoted(group.name)}, ${look(group.colours)}${tooltip}]`);
		}
		lines.push('  }');
	}
	return `${[...lines, '}'].join('\n')}\n`;
}

function look({ light }: Colours): string {
	return `fillcolor="${light.fill}", color="${light.border}", fontcolor="${light.text}"`;
}

/** Graphviz reads HTML entities in strings (attribute type escString, charset), so "&" is one of them. */
function quoted(text: string): string {
	return `"${oneLine(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('&', '&amp;')}"`;
}
