// What happens to workflows, each as one unit of work with its audit row. Workflows are immutable, so there is nothing
// but creation and deletion.

import { CaissonError } from '../errors.ts';
import type { Commit } from '../unit-of-work.ts';
import type { Workflow } from './rules/model.ts';
import { normalWorkflow } from './rules/normal.ts';
import { validateWorkflow } from './rules/validate.ts';
import type { WorkflowReader, WorkflowUnit } from './store.ts';

export interface WorkflowWorld {
	readonly workflows: WorkflowReader;
	readonly commit: Commit<WorkflowUnit>;
	readonly now: () => number;
}

/** @throws CaissonError workflow-invalid (with wfx's message), workflow-exists */
export async function createWorkflow(world: WorkflowWorld, sent: Workflow, by: string): Promise<Workflow> {
	const problem = validateWorkflow(sent);
	if (problem) throw new CaissonError('workflow-invalid', problem.message);
	const workflow = normalWorkflow(sent);
	await world.commit(async (unit) => {
		await unit.workflows.insert(workflow);
		await unit.audit.append({ time: world.now(), actor: by, action: 'workflow.create', subject: workflow.name });
	});
	return workflow;
}

/** @throws CaissonError workflow-not-found, workflow-in-use */
export async function deleteWorkflow(world: WorkflowWorld, name: string, by: string): Promise<void> {
	await world.commit(async (unit) => {
		if (!(await unit.workflows.remove(name))) {
			throw new CaissonError('workflow-not-found', `Workflow '${name}' not found`);
		}
		await unit.audit.append({ time: world.now(), actor: by, action: 'workflow.delete', subject: name });
	});
}
