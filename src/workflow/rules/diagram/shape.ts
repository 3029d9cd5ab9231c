// What every drawing of a workflow shows, whatever its format: states with their marks, one arrow for all transitions
// between the same two states, groups with their colours. Works for any workflow, also for one that validation refuses,
// since a drawing helps to see why. It leaves out syntax and positions.

import type { Workflow, WorkflowTransition } from '../model.ts';
import { finalStates, initialState } from '../walk.ts';
import { type Colours, groupColours } from './colours.ts';

export interface DiagramNode {
	readonly name: string;
	readonly description: string;
	/** Position in `groups`; undefined where no group holds the state. */
	readonly group: number | undefined;
	readonly initial: boolean;
	readonly final: boolean;
	/** False: only transitions name it, the workflow lists no such state. */
	readonly known: boolean;
}

export interface DiagramEdge {
	/** Positions in `nodes`. */
	readonly from: number;
	readonly to: number;
	/** Who may take it, and IMMEDIATE where the server takes it by itself. */
	readonly label: string;
	/** No device may take it. */
	readonly serverOnly: boolean;
	readonly immediate: boolean;
	readonly description: string;
}

export interface DiagramGroup {
	readonly name: string;
	readonly description: string;
	readonly colours: Colours;
}

export interface Diagram {
	readonly title: string;
	readonly description: string;
	readonly nodes: readonly DiagramNode[];
	readonly edges: readonly DiagramEdge[];
	readonly groups: readonly DiagramGroup[];
}

export function diagramOf(workflow: Workflow): Diagram {
	const nodes = nodesOf(workflow);
	const groups = workflow.groups ?? [];
	const colours = groupColours(groups.map((group) => group.name));
	return {
		title: workflow.name,
		description: oneLine(workflow.description),
		nodes,
		edges: edgesOf(workflow, nodes),
		groups: groups.flatMap((group, index) => {
			const colour = colours[index];
			return colour ? [{ name: group.name, description: oneLine(group.description), colours: colour }] : [];
		}),
	};
}

function nodesOf(workflow: Workflow): DiagramNode[] {
	const group = new Map<string, number>();
	for (const [index, { states }] of (workflow.groups ?? []).entries()) {
		for (const state of states) if (!group.has(state)) group.set(state, index);
	}
	const initial = initialState(workflow);
	const finals = new Set(finalStates(workflow));
	const nodes = new Map<string, DiagramNode>();
	const add = (name: string, description: string | undefined, known: boolean) => {
		if (nodes.has(name)) return;
		const marks = { initial: name === initial, final: known && finals.has(name) };
		nodes.set(name, { name, description: oneLine(description), group: group.get(name), ...marks, known });
	};
	for (const state of workflow.states) add(state.name, state.description, true);
	for (const { from, to } of workflow.transitions) {
		add(from, undefined, false);
		add(to, undefined, false);
	}
	return [...nodes.values()];
}

function edgesOf(workflow: Workflow, nodes: readonly DiagramNode[]): DiagramEdge[] {
	const position = new Map(nodes.map((node, index) => [node.name, index]));
	const parallel = new Map<string, { from: number; to: number; transitions: WorkflowTransition[] }>();
	for (const transition of workflow.transitions) {
		const from = position.get(transition.from) ?? 0;
		const to = position.get(transition.to) ?? 0;
		const edge = parallel.get(`${from} ${to}`) ?? { from, to, transitions: [] };
		edge.transitions.push(transition);
		parallel.set(`${from} ${to}`, edge);
	}
	return [...parallel.values()].map(({ from, to, transitions }) => {
		const actors = [...new Set(transitions.map((transition) => transition.eligible))].sort();
		const immediate = transitions.some(({ action }) => action === 'IMMEDIATE');
		return {
			from,
			to,
			label: `${actors.join(', ')}${immediate ? ' IMMEDIATE' : ''}`,
			serverOnly: !actors.includes('CLIENT'),
			immediate,
			description: transitions.map((one) => oneLine(`${one.eligible}: ${one.description ?? ''}`)).join('; '),
		};
	});
}

/** Line breaks and other control characters as spaces: no format's syntax may depend on them. */
export function oneLine(text = ''): string {
	return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ').trim();
}

/** At most `most` characters, the last an ellipsis where some were cut. */
export function shortened(text: string, most: number): string {
	const characters = [...text];
	return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}
