// The workflows that Caisson brings along, read from the files beside it. A server does not hold them until somebody
// creates them there (`caisson workflow create NAME`), as with wfx.

import { readFileSync } from 'node:fs';
import type { Workflow } from './rules/model.ts';
import { parseWorkflow } from './rules/parse.ts';

export const builtinWorkflowNames = [
	'wfx.workflow.dau.direct',
	'wfx.workflow.dau.phased',
	'wfx.workflow.kanban',
] as const;

export type BuiltinWorkflowName = (typeof builtinWorkflowNames)[number];

/** Absent: undefined. */
export function builtinWorkflow(name: BuiltinWorkflowName): Workflow;
export function builtinWorkflow(name: string): Workflow | undefined;
export function builtinWorkflow(name: string): Workflow | undefined {
	const known = builtinWorkflowNames.find((candidate) => candidate === name);
	return known === undefined ? undefined : parseWorkflow(builtinText(known));
}

/** The file as it is, with its comments. */
export function builtinText(name: BuiltinWorkflowName): string {
	return readFileSync(new URL(`./builtin/${name}.yaml`, import.meta.url), 'utf8');
}
