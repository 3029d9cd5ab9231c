// What is legal in a workflow and yet most likely a mistake. For people only: neither wfx nor Caisson refuses a workflow
// for any of this. What is illegal is in validate.ts.

import type { Workflow } from './model.ts';
import { listed } from './validate.ts';
import { finalStates } from './walk.ts';

/**
 * Sentences about `workflow`, one a kind of finding, none where there is nothing to say. Works on any workflow; what
 * validation refuses is not said again.
 */
export function workflowWarnings(workflow: Workflow): string[] {
	return [...groupWarnings(workflow), ...immediateWarnings(workflow)];
}

function groupWarnings(workflow: Workflow): string[] {
	const warnings: string[] = [];
	const groups = workflow.groups ?? [];
	const states = new Set(workflow.states.map((state) => state.name));
	for (const group of groups) {
		const unknown = group.states.filter((state) => !states.has(state));
		if (unknown.length > 0) {
			warnings.push(`group ${group.name} names states that do not exist: ${listed(unknown)}`);
		}
	}
	const grouped = new Set(groups.flatMap((group) => group.states));
	const finals = new Set(finalStates(workflow));
	const ungroupedFinals = [...finals].filter((state) => !grouped.has(state));
	if (groups.length === 0) {
		warnings.push('there are no groups: jobs of this workflow cannot be queried by group');
	} else if (ungroupedFinals.length > 0) {
		warnings.push(
			`final states in no group: ${listed(ungroupedFinals)}; finished jobs in them cannot be queried by group`,
		);
	}
	const others = workflow.states
		.map((state) => state.name)
		.filter((state) => !grouped.has(state) && !finals.has(state));
	if (groups.length > 0 && others.length > 0) warnings.push(`states in no group: ${listed(others)}`);
	return warnings;
}

function immediateWarnings(workflow: Workflow): string[] {
	const warnings: string[] = [];
	const immediate = workflow.transitions.filter((edge) => edge.action === 'IMMEDIATE');
	const clients = immediate.filter((edge) => edge.eligible === 'CLIENT').map((edge) => `${edge.from} -> ${edge.to}`);
	if (clients.length > 0) {
		warnings.push(`IMMEDIATE has no effect on a transition that only the CLIENT may take: ${listed(clients)}`);
	}
	// Caisson ends such a walk where it began (walk.ts); wfx 0.6.0 never returns from it.
	const loops = immediate.filter((edge) => edge.eligible === 'WFX' && edge.from === edge.to).map((edge) => edge.from);
	if (loops.length > 0) warnings.push(`IMMEDIATE transition to the same state: ${listed(loops)}; wfx hangs on it`);
	return warnings;
}
