// A workflow as a Mermaid state diagram (https://mermaid.js.org/syntax/stateDiagram.html), as GitHub and GitLab show it.

import type { Workflow } from '../model.ts';
import { plainColours } from './colours.ts';
import { diagramOf, oneLine } from './shape.ts';

/** Every name stands only in quotes, with what Mermaid could read as syntax written as its numeric entities. */
export function mermaid(workflow: Workflow): string {
	const { title, nodes, edges, groups } = diagramOf(workflow);
	const lines = ['---', `title: ${JSON.stringify(title)}`, '---', 'stateDiagram-v2'];
	for (const [index, node] of nodes.entries()) lines.push(`    state "${escaped(node.name)}" as s${index}`);
	for (const [index, node] of nodes.entries()) if (node.initial) lines.push(`    [*] --> s${index}`);
	for (const edge of edges) lines.push(`    s${edge.from} --> s${edge.to} : ${edge.label}`);
	for (const [index, node] of nodes.entries()) if (node.final) lines.push(`    s${index} --> [*]`);
	if (groups.length > 0) {
		lines.push('    state "Groups" as legend {');
		for (const [index, group] of groups.entries()) lines.push(`        state "${escaped(group.name)}" as g${index}`);
		lines.push('    }');
	}
	const classes = [...groups.map((group) => group.colours), plainColours];
	for (const [index, { light }] of classes.entries()) {
		const style = `fill:${light.fill},stroke:${light.border},color:${light.text}`;
		const members = nodes.flatMap((node, at) => ((node.group ?? groups.length) === index ? [`s${at}`] : []));
		if (index < groups.length) members.push(`g${index}`);
		if (members.length > 0)
			lines.push(`    classDef colour${index} ${style}`, `    class ${members.join(',')} colour${index}`);
	}
	return `${lines.join('\n')}\n`;
}

function escaped(text: string): string {
	return oneLine(text).replace(/[^\p{L}\p{N} _.\-/]/gu, (character) => `#${character.codePointAt(0)};`) || ' ';
}
