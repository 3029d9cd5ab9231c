// Workflows over HTTP, as spec/wfx.openapi.yaml describes them.

import { CaissonError } from '../errors.ts';
import type { Handlers } from '../web/api.ts';
import { emptyReply } from '../web/problem.ts';
import type { Workflow } from './rules/model.ts';
import { workflowWire } from './rules/normal.ts';
import { createWorkflow, deleteWorkflow, type WorkflowWorld } from './steps.ts';

export function workflowHandlers(world: WorkflowWorld): Handlers {
	return {
		'GET /workflows': async ({ query }) => {
			const limit = (query.limit as number | undefined) ?? 10;
			const offset = (query.offset as number | undefined) ?? 0;
			const sort = (query.sort as 'asc' | 'desc' | undefined) ?? 'asc';
			// As in wfx, a limit of 0 or less is none, and a negative offset is 0.
			const page = {
				limit: limit > 0 ? limit : -1,
				offset: Math.max(0, offset),
				sort,
				total: query.pagination === true,
			};
			const { workflows, total } = await world.workflows.list(page);
			const pagination = total === undefined ? {} : { pagination: { limit, offset, total } };
			return { status: 200, value: { content: workflows.map(workflowWire), ...pagination } };
		},
		'POST /workflows': async ({ body, by }) => ({
			status: 201,
			value: workflowWire(await createWorkflow(world, body as Workflow, by)),
		}),
		'GET /workflows/{name}': async ({ params }) => {
			const workflow = await world.workflows.find(params.name ?? '');
			if (workflow === undefined) throw new CaissonError('workflow-not-found', 'Workflow not found for given name');
			return { status: 200, value: workflowWire(workflow) };
		},
		'DELETE /workflows/{name}': async ({ params, by }) => {
			await deleteWorkflow(world, params.name ?? '', by);
			return { reply: emptyReply(204) };
		},
	};
}
