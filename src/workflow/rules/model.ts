// What a workflow is: the shape that wfx's API and files use (siemens/wfx, spec/wfx.openapi.yml, schema Workflow).
// Values only; what makes one valid is in validate.ts, how a job moves through it in walk.ts.

/** Who may take a transition: the device, or the server (an operator, or Caisson itself). */
export type Actor = 'CLIENT' | 'WFX';
/** IMMEDIATE: the server takes the transition by itself at once. WAIT (the default): somebody must ask. */
export type TransitionAction = 'IMMEDIATE' | 'WAIT';

export interface WorkflowState {
	readonly name: string;
	readonly description?: string;
}

export interface WorkflowGroup {
	readonly name: string;
	readonly description?: string;
	readonly states: readonly string[];
}

export interface WorkflowTransition {
	readonly from: string;
	readonly to: string;
	readonly eligible: Actor;
	readonly action?: TransitionAction;
	readonly description?: string;
}

export interface Workflow {
	readonly name: string;
	readonly description?: string;
	readonly states: readonly WorkflowState[];
	readonly groups?: readonly WorkflowGroup[];
	readonly transitions: readonly WorkflowTransition[];
}

/** Limits of wfx's schema; `name` also follows workflowNamePattern. */
export const workflowLimits = {
	nameLength: 64,
	descriptionLength: 1024,
	states: 4096,
	groups: 1024,
	transitions: 16384,
} as const;

export const workflowNamePattern = /^[a-zA-Z0-9\-.]+$/;
