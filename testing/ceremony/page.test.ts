// That a page is read as a person reads it: its commands in order, what a shell keeps, files, and what clients must find.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PageReader, stepsOf } from './page.ts';

const fence = '```';
const page = `# A page

${fence}sh
umask 077
export NAME=value
echo "$NAME" > first
${fence}

${fence}yaml
# plan.yaml
keys: []
${fence}

${fence}yaml
only: shown
${fence}

${fence}sh
test "$NAME" = value && cat first plan.yaml > second
${fence}

<!-- clients: root 1, targets 2 -->

${fence}sh
caisson up --trust-key x
${fence}
`;
const folder = mkdtempSync(join(tmpdir(), 'caisson-page-'));
after(() => rmSync(folder, { recursive: true }));

test('steps are found in order, with their lines', () => {
	const steps = stepsOf(page).map((step) => [step.kind, step.line, step.title]);
	assert.deepEqual(steps, [
		['commands', 3, 'umask 077 …'],
		['file', 9, 'plan.yaml'],
		['commands', 18, 'test "$NAME" = value && cat first plan.yaml > second'],
		['clients', 22, 'root 1, targets 2'],
		['serve', 24, 'caisson up --trust-key x'],
	]);
});

test('commands run in one folder and keep what a shell keeps; a failure is told with its line', async () => {
	const reader = new PageReader(folder);
	for (const step of stepsOf(page)) {
		if (step.kind === 'commands' || step.kind === 'file') await reader.do(step);
	}
	assert.equal(readFileSync(join(folder, 'second'), 'utf8'), 'value\n# plan.yaml\nkeys: []\n');
	const [failing] = stepsOf(`${fence}sh\necho why >&2; false\n${fence}\n`);
	assert.ok(failing?.kind === 'commands');
	await assert.rejects(reader.do(failing), /line 1: a command of this block ended with 1:\nwhy/);
});
