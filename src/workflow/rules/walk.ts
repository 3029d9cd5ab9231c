// How a job moves through a workflow: where it starts, which edges an actor may take, and where IMMEDIATE edges
// carry it. Total for every graph, also for one that validation would refuse: a walk never loops.

import type { Actor, Workflow } from './model.ts';

/** The state that no other state leads to (self loops do not count), or undefined where there is not exactly one. */
export function initialState(workflow: Workflow): string | undefined {
	const entered = new Set<string>();
	for (const edge of workflow.transitions) if (edge.from !== edge.to) entered.add(edge.to);
	const roots = workflow.states.filter((state) => !entered.has(state.name));
	return roots.length === 1 ? roots[0]?.name : undefined;
}

/**
 * Follows the edges that the server takes by itself (eligible WFX, action IMMEDIATE) from `state` to the end.
 * @returns the states passed, `state` first, the resting state last; a cycle ends at its first repeated state.
 */
export function followImmediate(workflow: Workflow, state: string): readonly string[] {
	const next = new Map<string, string>();
	for (const edge of workflow.transitions) {
		if (edge.eligible === 'WFX' && edge.action === 'IMMEDIATE') next.set(edge.from, edge.to);
	}
	const path = [state];
	const passed = new Set(path);
	for (let to = next.get(state); to !== undefined && !passed.has(to); to = next.get(to)) {
		path.push(to);
		passed.add(to);
	}
	return path;
}

/** The name of the group that holds `state`, or '' where none does (wfx's own word for it). */
export function groupOf(workflow: Workflow, state: string): string {
	return workflow.groups?.find((group) => group.states.includes(state))?.name ?? '';
}

/** The states that no edge leaves, in the order in which the workflow lists them. */
export function finalStates(workflow: Workflow): readonly string[] {
	const left = new Set(workflow.transitions.map((edge) => edge.from));
	return workflow.states.map((state) => state.name).filter((name) => !left.has(name));
}

/** May `actor` move a job from `from` to `to`? A report of the state that it is in is always allowed. */
export function transitionAllowed(
	workflow: Workflow,
	from: string,
	to: string,
	actor: Actor,
): 'allowed' | 'not-for-this-actor' | 'no-such-transition' {
	if (from === to) return 'allowed';
	const edges = workflow.transitions.filter((edge) => edge.from === from && edge.to === to);
	if (edges.length === 0) return 'no-such-transition';
	return edges.some((edge) => edge.eligible === actor) ? 'allowed' : 'not-for-this-actor';
}
