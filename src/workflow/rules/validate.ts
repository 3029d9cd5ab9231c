// What makes a workflow valid: every rule of siemens/wfx (workflow/validate.go, 0.6.0) in its order and its words, except
// that the order in which the states are listed does not matter. wfx counts the roots of a depth-first search in listed
// order, so it refuses a good workflow whose first state is not listed first; here a workflow is valid when wfx would
// accept it in some order of its states. Where wfx walks a Go map, and so reports any one of several offences, this
// reports the first in the order of the document.
// It leaves out the shape of the values (fields, lengths, patterns): parse.ts.

import type { Workflow } from './model.ts';

export type WorkflowRule =
	| 'state-unique'
	| 'state-in-one-group'
	| 'group-unique'
	| 'transition-known-states'
	| 'transition-unique'
	| 'immediate-unique'
	| 'immediate-alone'
	| 'initial-unique'
	| 'acyclic';

export interface WorkflowProblem {
	/** Stable: scripts may compare it. */
	readonly rule: WorkflowRule;
	/** In wfx's words: clients of its API may compare it. */
	readonly message: string;
	/** What else helps to mend it; only for people. */
	readonly detail?: string;
}

/**
 * The first rule that `workflow` breaks, or undefined where it breaks none. Cost is linear in its size, and no walk
 * recurses, so a path through all of the states does not exhaust the stack.
 */
export function validateWorkflow(workflow: Workflow): WorkflowProblem | undefined {
	return stateProblem(workflow) ?? groupProblem(workflow) ?? transitionProblem(workflow) ?? shapeProblem(workflow);
}

/** The first value that `values` holds twice. */
function firstRepeated(values: Iterable<string>): string | undefined {
	const seen = new Set<string>();
	for (const value of values) {
		if (seen.has(value)) return value;
		seen.add(value);
	}
	return undefined;
}

function stateProblem(workflow: Workflow): WorkflowProblem | undefined {
	const name = firstRepeated(workflow.states.map((state) => state.name));
	return name === undefined ? undefined : { rule: 'state-unique', message: `${name} state has already been created` };
}

/** As in wfx, a group that lists a state twice counts as two, and a group may name states that do not exist. */
function groupProblem(workflow: Workflow): WorkflowProblem | undefined {
	const groups = workflow.groups ?? [];
	const state = firstRepeated(groups.flatMap((group) => group.states));
	if (state !== undefined) {
		return { rule: 'state-in-one-group', message: `state ${state} belongs to more than one group` };
	}
	const name = firstRepeated(groups.map((group) => group.name));
	if (name !== undefined) return { rule: 'group-unique', message: `group name ${name} used multiple times` };
	return undefined;
}

function transitionProblem(workflow: Workflow): WorkflowProblem | undefined {
	const states = new Set(workflow.states.map((state) => state.name));
	const leaving = new Map<string, { edges: number; immediate: number }>();
	for (const { from, to, action } of workflow.transitions) {
		if (!states.has(from) || !states.has(to)) {
			const message = `transition ${from} -> ${to} contains unknown state name`;
			return { rule: 'transition-known-states', message };
		}
		const counts = leaving.get(from) ?? { edges: 0, immediate: 0 };
		counts.edges++;
		if (action === 'IMMEDIATE') counts.immediate++;
		leaving.set(from, counts);
	}
	return repeatedTransition(workflow) ?? immediateProblem(leaving);
}

function repeatedTransition(workflow: Workflow): WorkflowProblem | undefined {
	// One set for each source and actor: a joined key could confuse names that hold the separator.
	const taken = { CLIENT: new Map<string, Set<string>>(), WFX: new Map<string, Set<string>>() };
	for (const { from, to, eligible } of workflow.transitions) {
		const targets = taken[eligible].get(from) ?? new Set<string>();
		if (targets.has(to)) {
			const message = `duplicate transition: ${from} -> ${to} eligible: ${eligible}`;
			return { rule: 'transition-unique', message };
		}
		targets.add(to);
		taken[eligible].set(from, targets);
	}
	return undefined;
}

/** An IMMEDIATE edge is always taken, so no other edge, not even a self loop, may leave its source. */
function immediateProblem(
	leaving: ReadonlyMap<string, { edges: number; immediate: number }>,
): WorkflowProblem | undefined {
	for (const [from, { edges, immediate }] of leaving) {
		if (immediate > 1) {
			return { rule: 'immediate-unique', message: `more than one immediate action from state ${from}` };
		}
		if (immediate === 1 && edges > 1) {
			const message = `transition with source ${from} contains impossible transition`;
			return { rule: 'immediate-alone', message };
		}
	}
	return undefined;
}

/** The targets of each state by position, in the order of the document; self loops left out, as wfx allows them. */
function successors(workflow: Workflow): number[][] {
	const position = new Map(workflow.states.map((state, index) => [state.name, index]));
	const targets = workflow.states.map((): number[] => []);
	for (const { from, to } of workflow.transitions) {
		const source = position.get(from);
		const target = position.get(to);
		if (source !== undefined && target !== undefined && source !== target) targets[source]?.push(target);
	}
	return targets;
}

interface Search {
	/** How many states the search has reached. */
	reached: number;
	/** Where a search began because nothing before had reached it. */
	readonly roots: number[];
	/** The first edge that leads back into the path being walked, its target first (wfx's way round). */
	cycle?: readonly [number, number];
}

/** Depth-first search from each of `starts` that no earlier one has reached. */
function depthFirst(targets: readonly (readonly number[])[], starts: Iterable<number>): Search {
	const search: Search = { reached: 0, roots: [] };
	const mark = new Uint8Array(targets.length); // 0 not reached, 1 on the path, 2 left
	const tried = new Uint32Array(targets.length); // how many of its edges have been followed
	for (const start of starts) {
		if (mark[start] !== 0) continue;
		search.roots.push(start);
		search.reached++;
		mark[start] = 1;
		const path = [start];
		for (let state = path.at(-1); state !== undefined; state = path.at(-1)) {
			const edge = tried[state] ?? 0;
			tried[state] = edge + 1;
			const target = targets[state]?.[edge];
			if (target === undefined) {
				mark[state] = 2;
				path.pop();
			} else if (mark[target] === 0) {
				search.reached++;
				mark[target] = 1;
				path.push(target);
			} else if (mark[target] === 1) {
				search.cycle ??= [target, state];
			}
		}
	}
	return search;
}

/**
 * One state from which all others can be reached, and no way back. If any state reaches all others, the last root of a
 * search over all states does (whatever can reach it would otherwise have been the root). Where the first listed state
 * reaches all, that is the root, so the cycle reported is then the one that wfx finds.
 */
function shapeProblem(workflow: Workflow): WorkflowProblem | undefined {
	const targets = successors(workflow);
	const root = depthFirst(targets, targets.keys()).roots.at(-1);
	const search = depthFirst(targets, root === undefined ? [] : [root]);
	if (root === undefined || search.reached < targets.length) {
		const message = 'workflow must have exactly one INITIAL state';
		return { rule: 'initial-unique', message, detail: initialDetail(workflow, targets) };
	}
	if (search.cycle === undefined) return undefined;
	const [from, to] = search.cycle.map((index) => workflow.states[index]?.name);
	return { rule: 'acyclic', message: `workflow contains cycle from ${from} to ${to}` };
}

function initialDetail(workflow: Workflow, targets: readonly (readonly number[])[]): string {
	if (workflow.states.length === 0) return 'the workflow has no states';
	const entered = new Set(targets.flat());
	const unentered = workflow.states.filter((_, index) => !entered.has(index)).map((state) => state.name);
	if (unentered.length > 1) return `no other state leads to ${listed(unentered)}`;
	const initial = unentered[0];
	if (initial === undefined) return 'every state is entered from another, and none reaches all others';
	return `not every state can be reached from ${initial}: ${listed(unreachableStates(workflow, targets, initial))}`;
}

function unreachableStates(
	workflow: Workflow,
	targets: readonly (readonly number[])[],
	initial: string,
): readonly string[] {
	const reached = new Set<number>();
	const waiting = [workflow.states.findIndex((state) => state.name === initial)];
	for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
		if (reached.has(state)) continue;
		reached.add(state);
		for (const target of targets[state] ?? []) waiting.push(target);
	}
	return workflow.states.filter((_, index) => !reached.has(index)).map((state) => state.name);
}

/** The first few names, and how many more there are. */
export function listed(names: readonly string[], most = 5): string {
	const shown = names.slice(0, most).join(', ');
	return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
