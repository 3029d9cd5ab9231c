// A workflow as a PlantUML state diagram (https://plantuml.com/state-diagram).

import type { Workflow } from '../model.ts';
import { type Colours, plainColours } from './colours.ts';
import { diagramOf, oneLine } from './shape.ts';

/**
 * PlantUML's preprocessor reads files and evaluates functions that it finds in the text (!include, %getenv()), so in
 * names every character that could begin either, or end a string, is written as <U+XXXX>.
 */
export function plantuml(workflow: Workflow): string {
	const { title, nodes, edges, groups } = diagramOf(workflow);
	const lines = ['@startuml', `title ${escaped(title)}`, 'hide empty description'];
	for (const [index, node] of nodes.entries()) {
		const colours = groups[node.group ?? -1]?.colours ?? plainColours;
		lines.push(`state "${escaped(node.name)}" as s${index} ${look(colours)}`);
	}
	for (const [index, node] of nodes.entries()) if (node.initial) lines.push(`[*] --> s${index}`);
	for (const edge of edges) {
		const arrow = edge.immediate ? '-[bold]->' : edge.serverOnly ? '-[dashed]->' : '-->';
		lines.push(`s${edge.from} ${arrow} s${edge.to} : ${edge.label}`);
	}
	for (const [index, node] of nodes.entries()) if (node.final) lines.push(`s${index} --> [*]`);
	if (groups.length > 0) {
		lines.push('legend right', '  |= Group |= |');
		for (const group of groups) {
			lines.push(`  |<${group.colours.light.fill}> ${escaped(group.name)} | ${escaped(group.description)} |`);
		}
		lines.push('endlegend');
	}
	return `${[...lines, '@enduml'].join('\n')}\n`;
}

function look({ light }: Colours): string {
	return `${light.fill};line:${light.border.slice(1)};text:${light.text.slice(1)}`;
}

function escaped(text: string): string {
	const plain = oneLine(text).replace(/[^\p{L}\p{N} _.,]/gu, (character) => {
		const code = character.codePointAt(0) ?? 0;
		return character === '-' ? '-' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
	});
	// "--" strikes text through and "__" underlines it (creole).
	return plain.replaceAll('--', '-<U+002D>').replaceAll('__', '_<U+005F>') || ' ';
}
