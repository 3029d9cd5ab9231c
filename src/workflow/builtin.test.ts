// The workflows that Caisson brings along: valid, and the same machines as wfx's.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { builtinWorkflow, builtinWorkflowNames } from './builtin.ts';
import type { Workflow } from './rules/model.ts';
import { validateWorkflow } from './rules/validate.ts';

/** One line an edge: from, to, C for the client or W for the server, ! where immediate. In the order of the list. */
function edges({ transitions }: Workflow): string[] {
	return transitions.map(({ from, to, eligible, action }) => {
		return `${from} ${to} ${eligible[0]}${action === 'IMMEDIATE' ? '!' : ''}`;
	});
}

function groups(workflow: Workflow): string[] {
	return (workflow.groups ?? []).map(({ name, states }) => `${name}: ${states.join(' ')}`);
}

// siemens/wfx 0.6.0, workflow/dau/*.yml and share/demo/kanban/*.yml.
const install = [
	'INSTALL INSTALLING C',
	'INSTALL TERMINATED C',
	'INSTALLING INSTALLING C',
	'INSTALLING TERMINATED C',
	'INSTALLING INSTALLED C',
	'INSTALLED ACTIVATE W!',
	'ACTIVATE ACTIVATING C',
	'ACTIVATE TERMINATED C',
	'ACTIVATING ACTIVATING C',
	'ACTIVATING TERMINATED C',
	'ACTIVATING ACTIVATED C',
];
const download = [
	'CREATED CREATED W',
	'CREATED DOWNLOAD W',
	'DOWNLOAD DOWNLOADING C',
	'DOWNLOAD TERMINATED C',
	'DOWNLOADING DOWNLOADING C',
	'DOWNLOADING TERMINATED C',
	'DOWNLOADING DOWNLOADED C',
	'DOWNLOADED INSTALL W',
];
const updating = 'INSTALL INSTALLING INSTALLED ACTIVATE ACTIVATING';

test('direct is the machine that wfx has', () => {
	const workflow = builtinWorkflow('wfx.workflow.dau.direct');
	assert.deepEqual(edges(workflow), install);
	assert.deepEqual(groups(workflow), [`OPEN: ${updating}`, 'CLOSED: ACTIVATED', 'FAILED: TERMINATED']);
	assert.equal(workflow.states.map(({ name }) => name).join(' '), `${updating} ACTIVATED TERMINATED`);
});

test('phased is the machine that wfx has', () => {
	const workflow = builtinWorkflow('wfx.workflow.dau.phased');
	const open = `DOWNLOAD DOWNLOADING DOWNLOADED ${updating}`;
	assert.deepEqual(edges(workflow), [...download, ...install]);
	assert.deepEqual(groups(workflow), [`OPEN: ${open}`, 'CLOSED: ACTIVATED', 'FAILED: TERMINATED']);
	assert.equal(workflow.states.map(({ name }) => name).join(' '), `CREATED ${open} ACTIVATED TERMINATED`);
});

test('kanban is the machine that wfx has', () => {
	const workflow = builtinWorkflow('wfx.workflow.kanban');
	assert.deepEqual(edges(workflow), [
		'BACKLOG NEW W!',
		'NEW PROGRESS C',
		'NEW DISCARDED W',
		'PROGRESS VALIDATE C',
		'PROGRESS PROGRESS C',
		'VALIDATE DISCARDED W',
		'VALIDATE DISCARDED C',
		'VALIDATE DONE C',
		'VALIDATE DONE W',
	]);
	assert.deepEqual(groups(workflow), ['OPEN: NEW PROGRESS VALIDATE', 'CLOSED: DONE DISCARDED']);
	assert.equal(workflow.states.map(({ name }) => name).join(' '), 'BACKLOG NEW PROGRESS VALIDATE DONE DISCARDED');
});

test('every file is a built-in workflow of its name, is valid and describes each state and transition', () => {
	const files = readdirSync(new URL('builtin/', import.meta.url));
	assert.deepEqual(files.sort(), builtinWorkflowNames.map((name) => `${name}.yaml`).sort());
	for (const name of builtinWorkflowNames) {
		const workflow = builtinWorkflow(name);
		assert.equal(workflow.name, name);
		assert.equal(validateWorkflow(workflow), undefined);
		for (const part of [...workflow.states, ...workflow.transitions]) assert.ok(part.description);
	}
});

test('an unknown name gives nothing', () => {
	assert.equal(builtinWorkflow('wfx.workflow.dau'), undefined);
	assert.equal(builtinWorkflow('../../../package'), undefined);
});
