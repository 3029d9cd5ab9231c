// docs/ceremony.md, as it stands: every command of it is run in the order of the page, with SoftHSM as the token of one person
// and the real server. After each publication two independent clients, python-tuf and tuf-js, are asked: as a new device, and
// as one that has followed since the first root; and Caisson's own client.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ClientsStep, PageReader, stepsOf } from '../testing/ceremony/page.ts';
import { whyNoToken } from '../testing/soft-token/soft-token.ts';
import type { Oracle } from '../testing/tuf-oracles/oracle.ts';
import { pythonTuf, pythonTufRoot, whyNoPythonTuf } from '../testing/tuf-oracles/python-tuf.ts';
import { tufJs } from '../testing/tuf-oracles/tuf-js.ts';
import { type FileServer, startFileServer } from '../testing/tuf-repository/server.ts';

const steps = stepsOf(readFileSync(new URL('../docs/ceremony.md', import.meta.url), 'utf8'));
const update = 'releases/pump-2.swu';
const configuration = 'config/network.json';
const withoutPython = await whyNoPythonTuf();

describe('docs/ceremony.md', { skip: whyNoToken() }, () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-ceremony-'));
	const tokens = join(folder, 'softhsm');
	let reader: PageReader;
	let targets: FileServer;
	let oracles: readonly { readonly name: string; readonly ask: Oracle }[];

	before(async () => {
		mkdirSync(join(tokens, 'tokens'), { recursive: true });
		const settings = `directories.tokendir = ${tokens}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`;
		writeFileSync(join(tokens, 'softhsm2.conf'), settings);
		reader = new PageReader(folder, { SOFTHSM2_CONF: join(tokens, 'softhsm2.conf') });
		// The bytes of targets lie in the folder of the page, under their last names.
		targets = await startFileServer((path) => {
			const file = join(folder, basename(path).replace(/^[0-9a-f]{64}\./, ''));
			return existsSync(file) ? readFileSync(file) : undefined;
		});
		const python =
			withoutPython === undefined ? [{ name: 'python-tuf', ask: pythonTuf(await pythonTufRoot(console.error)) }] : [];
		oracles = [{ name: 'tuf-js', ask: tufJs() }, ...python];
	});

	after(async () => {
		await reader?.close();
		await targets?.close();
		rmSync(folder, { recursive: true, force: true });
	});

	const digestOf = (path: string) =>
		createHash('sha256')
			.update(readFileSync(join(folder, basename(path))))
			.digest('hex');

	async function accepted({ versions }: ClientsStep): Promise<void> {
		const released = (versions.releases ?? 0) > 1;
		for (const { name, ask } of oracles) {
			for (const state of [undefined, join(folder, `state-${name}`)]) {
				if (state !== undefined) mkdirSync(state, { recursive: true });
				const answer = await ask({
					metadataUrl: `${reader.southbound()}/tuf/`,
					targetUrl: `${targets.url}/`,
					root: readFileSync(join(folder, 'ceremony', '1.root.json')),
					targets: [update, configuration, 'absent'],
					...(state === undefined ? {} : { folder: state }),
				});
				const who = `${name}, ${state === undefined ? 'new' : 'following'}`;
				assert.equal(answer.error, null, `${who}: ${answer.error?.message}`);
				for (const [role, version] of Object.entries(versions))
					assert.equal(answer.versions[role], version, `${who}: ${role}`);
				const found = {
					[update]: released ? digestOf(update) : null,
					[configuration]: digestOf(configuration),
					absent: null,
				};
				assert.deepEqual(answer.targets, found, who);
			}
		}
	}

	for (const step of steps) {
		test(`line ${step.line}: ${step.title}`, () => (step.kind === 'clients' ? accepted(step) : reader.do(step)));
	}

	test('python-tuf was among the clients that were asked', { skip: withoutPython }, () => {
		assert.deepEqual(
			oracles.map(({ name }) => name),
			['tuf-js', 'python-tuf'],
		);
	});

	test('no private key lies where documents are carried', () => {
		for (const name of readdirSync(join(folder, 'ceremony'))) {
			const text = readFileSync(join(folder, 'ceremony', name), 'utf8');
			assert.ok(!text.includes('PRIVATE KEY'), name);
		}
		assert.ok(existsSync(join(folder, 'keys', 'erin.public.json')));
		assert.ok(!existsSync(join(folder, 'keys', 'erin.pem')));
	});
});
