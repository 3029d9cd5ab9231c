// The workflows that the chapters use, as request bodies. `walk` has every kind of edge in a small space; `direct` has
// the states, groups and edges of the device-update workflow that SWUpdate's clients follow.

type Edge = readonly [from: string, to: string, eligible: 'CLIENT' | 'WFX', action?: 'IMMEDIATE' | 'WAIT'];

/** A workflow body from edges; states in the order given. */
export function workflow(
	name: string,
	states: readonly string[],
	edges: readonly Edge[],
	groups: Record<string, string[]> = {},
) {
	return {
		name,
		states: states.map((state) => ({ name: state })),
		transitions: edges.map(([from, to, eligible, action]) => ({
			from,
			to,
			eligible,
			...(action === undefined ? {} : { action }),
		})),
		...(Object.keys(groups).length === 0
			? {}
			: { groups: Object.entries(groups).map(([group, members]) => ({ name: group, states: members })) }),
	};
}

/** One state, no transition, no group: the smallest that is valid. */
export const single = workflow('single', ['ONLY'], []);

/** Two states, so that a job can move once. */
export const pair = workflow('pair', ['A', 'B'], [['A', 'B', 'CLIENT']], { OPEN: ['A'], CLOSED: ['B'] });

/**
 * NEW →(WFX, IMMEDIATE) READY; READY → WORK by the client; WORK → WORK; WORK → CHECK →(WFX, IMMEDIATE) HOLD →(WFX) DONE;
 * FAILED from READY and WORK by the client, from HOLD by either.
 */
export const walk = workflow(
	'walk',
	['NEW', 'READY', 'WORK', 'CHECK', 'HOLD', 'DONE', 'FAILED'],
	[
		['NEW', 'READY', 'WFX', 'IMMEDIATE'],
		['READY', 'WORK', 'CLIENT'],
		['WORK', 'WORK', 'CLIENT'],
		['WORK', 'CHECK', 'CLIENT'],
		['CHECK', 'HOLD', 'WFX', 'IMMEDIATE'],
		['HOLD', 'DONE', 'WFX', 'WAIT'],
		['READY', 'FAILED', 'CLIENT'],
		['WORK', 'FAILED', 'CLIENT'],
		['HOLD', 'FAILED', 'CLIENT'],
		['HOLD', 'FAILED', 'WFX'],
	],
	{ OPEN: ['NEW', 'READY', 'WORK', 'CHECK'], WAITING: ['HOLD'], CLOSED: ['DONE'], BAD: ['FAILED'] },
);

export const direct = {
	...workflow(
		'wfx.workflow.dau.direct',
		['INSTALL', 'INSTALLING', 'INSTALLED', 'ACTIVATE', 'ACTIVATING', 'ACTIVATED', 'TERMINATED'],
		[
			['INSTALL', 'INSTALLING', 'CLIENT'],
			['INSTALL', 'TERMINATED', 'CLIENT'],
			['INSTALLING', 'INSTALLING', 'CLIENT'],
			['INSTALLING', 'TERMINATED', 'CLIENT'],
			['INSTALLING', 'INSTALLED', 'CLIENT'],
			['INSTALLED', 'ACTIVATE', 'WFX', 'IMMEDIATE'],
			['ACTIVATE', 'ACTIVATING', 'CLIENT'],
			['ACTIVATE', 'TERMINATED', 'CLIENT'],
			['ACTIVATING', 'ACTIVATING', 'CLIENT'],
			['ACTIVATING', 'TERMINATED', 'CLIENT'],
			['ACTIVATING', 'ACTIVATED', 'CLIENT'],
		],
		{
			OPEN: ['INSTALL', 'INSTALLING', 'INSTALLED', 'ACTIVATE', 'ACTIVATING'],
			CLOSED: ['ACTIVATED'],
			FAILED: ['TERMINATED'],
		},
	),
	description: 'devices are updated at once, without approval',
};
