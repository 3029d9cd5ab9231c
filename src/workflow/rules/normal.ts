// The one form in which a workflow is kept and sent: empty descriptions, lists and groups are left out, as wfx's JSON
// does. It checks nothing; validate.ts does.

import type { Workflow } from './model.ts';

/** The workflow with its known fields only and without empty ones. */
export function normalWorkflow(workflow: Workflow): Workflow {
	return {
		name: workflow.name,
		...(workflow.description && { description: workflow.description }),
		states: workflow.states.map((state) => ({ name: state.name, ...description(state) })),
		...(workflow.groups &&
			workflow.groups.length > 0 && {
				groups: workflow.groups.map((group) => ({ name: group.name, ...description(group), states: group.states })),
			}),
		transitions: workflow.transitions.map((edge) => ({
			from: edge.from,
			to: edge.to,
			eligible: edge.eligible,
			...(edge.action && { action: edge.action }),
			...description(edge),
		})),
	};
}

/** As the API writes it: wfx leaves transitions out where there are none. */
export function workflowWire(workflow: Workflow): Partial<Workflow> {
	if (workflow.transitions.length > 0) return workflow;
	const { transitions: _, ...rest } = workflow;
	return rest;
}

function description(part: { readonly description?: string }): { description?: string } {
	return part.description ? { description: part.description } : {};
}
