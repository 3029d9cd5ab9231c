// docs/trust-service.md, as it stands: every command of it is run in the order of the page, against a server that was
// started as the page says, and what is served is read by tuf-js and python-tuf.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { PageReader, stepsOf } from '../testing/ceremony/page.ts';
import { pythonTuf, pythonTufRoot, whyNoPythonTuf } from '../testing/tuf-oracles/python-tuf.ts';
import { tufJs } from '../testing/tuf-oracles/tuf-js.ts';

const page = readFileSync(new URL('../docs/trust-service.md', import.meta.url), 'utf8');
const withoutPython = await whyNoPythonTuf();

describe('docs/trust-service.md', () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-trust-service-'));
	const reader = new PageReader(folder);
	/** Where the server listens, as it has written down. */
	const address = (): { client: string; mgmt: string } =>
		JSON.parse(readFileSync(join(folder, 'server/server.json'), 'utf8'));
	const south = () => address().client;

	after(async () => {
		await reader.close();
		rmSync(folder, { recursive: true, force: true });
	});

	for (const step of stepsOf(page)) {
		test(`line ${step.line}: ${step.title}`, async () => {
			assert.notEqual(step.kind, 'clients');
			if (step.kind === 'clients') return;
			// The page has the usual port, the test one that is free.
			const usual = 'http://127.0.0.1:8080';
			const elsewhere = step.kind === 'commands' && step.script.includes(usual);
			await reader.do(elsewhere ? { ...step, script: step.script.replaceAll(usual, south()) } : step);
		});
	}

	const oracles = [
		{ name: 'tuf-js', skip: undefined, start: async () => tufJs() },
		{ name: 'python-tuf', skip: withoutPython, start: async () => pythonTuf(await pythonTufRoot(console.error)) },
	];
	for (const { name, skip, start } of oracles) {
		test(`${name} accepts what the server serves, and downloads from it`, { skip }, async () => {
			const oracle = await start();
			const answer = await oracle({
				...{ metadataUrl: `${south()}/tuf`, targetUrl: `${south()}/tuf/targets` },
				root: readFileSync(join(folder, 'ceremony/1.root.json')),
				targets: ['releases/7.swu', 'chunks/1.zck', 'releases/8.swu'],
			});
			const digest = (file: string) =>
				createHash('sha256')
					.update(readFileSync(join(folder, file)))
					.digest('hex');
			assert.equal(answer.error, null);
			assert.deepEqual(answer.targets, {
				'releases/7.swu': digest('7.swu'),
				'chunks/1.zck': digest('1.zck'),
				'releases/8.swu': null,
			});
		});
	}

	test('the measurements have when each role expires', async () => {
		const token = readFileSync(join(folder, 'server/operator-token'), 'utf8').trim();
		const text = await (
			await fetch(`${address().mgmt}/metrics`, { headers: { authorization: `Bearer ${token}` } })
		).text();
		assert.match(text, /caisson_trust_expiry_seconds/);
	});
});
