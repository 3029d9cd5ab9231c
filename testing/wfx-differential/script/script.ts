// The recorded script: all chapters in the order in which they run.
import type { Chapter } from '../step.ts';
import { definitions } from './definitions.ts';
import { downloads } from './downloads.ts';
import { events } from './event-streams.ts';
import { filters } from './filters.ts';
import { jobBodies } from './job-bodies.ts';
import { jobLists } from './job-lists.ts';
import { jobStatus } from './job-status.ts';
import { crossOrigin, pathForms, roots } from './roots.ts';
import { routes } from './routes.ts';
import { history, repeats, tags } from './tags-history.ts';
import { bodyForms, workflowBodies } from './workflow-bodies.ts';
import { workflowRules } from './workflow-rules.ts';

export const script: readonly Chapter[] = [
	routes,
	roots,
	pathForms,
	crossOrigin,
	workflowBodies,
	bodyForms,
	workflowRules,
	jobBodies,
	jobLists,
	jobStatus,
	definitions,
	tags,
	history,
	repeats,
	filters,
	events,
	downloads,
];
