// How a job moves: where it starts, who may move it, how far IMMEDIATE edges carry it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinWorkflow } from '../builtin.ts';
import type { Workflow } from './model.ts';
import { finalStates, followImmediate, groupOf, initialState, transitionAllowed } from './walk.ts';

const direct = builtinWorkflow('wfx.workflow.dau.direct');
const phased = builtinWorkflow('wfx.workflow.dau.phased');
const kanban = builtinWorkflow('wfx.workflow.kanban');

function workflowOf(names: string, ...transitions: Workflow['transitions']): Workflow {
	return { name: 'x', states: [...names].map((name) => ({ name })), transitions };
}

test('the initial state is the one that no other state leads to', () => {
	assert.deepEqual([direct, phased, kanban].map(initialState), ['INSTALL', 'CREATED', 'BACKLOG']);
});

test('a self loop does not make a state entered', () => {
	const workflow = workflowOf('AB', { from: 'A', to: 'A', eligible: 'WFX' }, { from: 'A', to: 'B', eligible: 'WFX' });
	assert.equal(initialState(workflow), 'A');
});

test('there is no initial state where there are two candidates, or none', () => {
	assert.equal(initialState(workflowOf('AB')), undefined);
	const cycle = workflowOf('AB', { from: 'A', to: 'B', eligible: 'WFX' }, { from: 'B', to: 'A', eligible: 'WFX' });
	assert.equal(initialState(cycle), undefined);
	assert.equal(initialState(workflowOf('')), undefined);
});

test('IMMEDIATE edges are followed to the end, and every state passed is named', () => {
	assert.deepEqual(followImmediate(direct, 'INSTALLED'), ['INSTALLED', 'ACTIVATE']);
	assert.deepEqual(followImmediate(kanban, 'BACKLOG'), ['BACKLOG', 'NEW']);
	const chain = workflowOf(
		'ABC',
		{ from: 'B', to: 'C', eligible: 'WFX', action: 'IMMEDIATE' },
		{ from: 'A', to: 'B', eligible: 'WFX', action: 'IMMEDIATE' },
	);
	assert.deepEqual(followImmediate(chain, 'A'), ['A', 'B', 'C']);
});

test('an edge that waits, or that belongs to the client, is not followed', () => {
	assert.deepEqual(followImmediate(phased, 'DOWNLOADED'), ['DOWNLOADED']);
	const client = workflowOf('AB', { from: 'A', to: 'B', eligible: 'CLIENT', action: 'IMMEDIATE' });
	assert.deepEqual(followImmediate(client, 'A'), ['A']);
});

test('a cycle of IMMEDIATE edges ends, though validation refuses it', () => {
	const cycle = workflowOf(
		'AB',
		{ from: 'A', to: 'B', eligible: 'WFX', action: 'IMMEDIATE' },
		{ from: 'B', to: 'A', eligible: 'WFX', action: 'IMMEDIATE' },
	);
	assert.deepEqual(followImmediate(cycle, 'A'), ['A', 'B']);
});

test('an IMMEDIATE self loop, which validation allows, ends where it began', () => {
	const loop = workflowOf('A', { from: 'A', to: 'A', eligible: 'WFX', action: 'IMMEDIATE' });
	assert.deepEqual(followImmediate(loop, 'A'), ['A']);
});

test('a state has the name of its group, or an empty one', () => {
	assert.equal(groupOf(phased, 'INSTALL'), 'OPEN');
	assert.equal(groupOf(phased, 'TERMINATED'), 'FAILED');
	assert.equal(groupOf(phased, 'CREATED'), '');
	assert.equal(groupOf(workflowOf('A'), 'A'), '');
});

test('final states are those that no edge leaves, not even a self loop', () => {
	assert.deepEqual(finalStates(direct), ['ACTIVATED', 'TERMINATED']);
	assert.deepEqual(finalStates(workflowOf('A', { from: 'A', to: 'A', eligible: 'WFX' })), []);
	assert.deepEqual(finalStates(workflowOf('A')), ['A']);
});

test('a transition is allowed to the actors that it names', () => {
	assert.equal(transitionAllowed(direct, 'INSTALL', 'INSTALLING', 'CLIENT'), 'allowed');
	assert.equal(transitionAllowed(direct, 'INSTALL', 'INSTALLING', 'WFX'), 'not-for-this-actor');
	assert.equal(transitionAllowed(direct, 'INSTALL', 'ACTIVATED', 'CLIENT'), 'no-such-transition');
	assert.equal(transitionAllowed(kanban, 'VALIDATE', 'DONE', 'CLIENT'), 'allowed');
	assert.equal(transitionAllowed(kanban, 'VALIDATE', 'DONE', 'WFX'), 'allowed');
});

test('reporting the present state again is always allowed, also in a final state', () => {
	assert.equal(transitionAllowed(direct, 'ACTIVATED', 'ACTIVATED', 'CLIENT'), 'allowed');
	assert.equal(transitionAllowed(direct, 'INSTALL', 'INSTALL', 'WFX'), 'allowed');
});
