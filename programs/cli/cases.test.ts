// The command line as the case files show it: what is printed, where, and how it ends. See testing/cli-cases.

import { chmodSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { builtinWorkflow } from '../../src/workflow/builtin.ts';
import { startApplication } from '../../testing/application/application.ts';
import { runCaseFile } from '../../testing/cli-cases/run-case.ts';

const folder = 'testdata/cli';
const files = (path: string) => readdirSync(path).filter((name) => name.endsWith('.txt'));

// What a clone leaves readable by others depends on the umask, and a command warns of a key that is.
const keys = 'testdata/update/keys';
for (const name of readdirSync(keys)) if (name.endsWith('.key.pem')) chmodSync(`${keys}/${name}`, 0o600);

for (const name of files(folder)) test(`${folder}/${name}`, () => runCaseFile(`${folder}/${name}`));

for (const name of files(`${folder}/server`)) {
	test(`${folder}/server/${name}`, async (t) => {
		const running = await startApplication();
		t.after(() => running.stop());
		for (const workflow of ['wfx.workflow.dau.direct', 'wfx.workflow.dau.phased']) {
			await fetch(`${running.north}/api/wfx/v1/workflows`, {
				method: 'POST',
				headers: { 'content-type': 'application/json' },
				body: JSON.stringify(builtinWorkflow(workflow)),
			});
		}
		await runCaseFile(`${folder}/server/${name}`, { server: running.north, south: running.south });
	});
}
