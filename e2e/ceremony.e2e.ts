// docs/ceremony.md, as it stands: every command of it is run in the order of the page, with SoftHSM as the token of one person.
// Where the page says that the server does something, Caisson's repository does it in this process, and two independent
// clients, python-tuf and tuf-js, are asked: one that is new, and one that has followed since the first root.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runPage, type Step, stepsOf } from '../testing/ceremony/page.ts';
import { type CeremonyServer, openCeremonyServer } from '../testing/ceremony/server.ts';
import { whyNoToken } from '../testing/soft-token/soft-token.ts';
import type { Oracle } from '../testing/tuf-oracles/oracle.ts';
import { pythonTuf, pythonTufRoot, whyNoPythonTuf } from '../testing/tuf-oracles/python-tuf.ts';
import { tufJs } from '../testing/tuf-oracles/tuf-js.ts';

const page = readFileSync(new URL('../docs/ceremony.md', import.meta.url), 'utf8');
const steps = stepsOf(page);
const update = 'releases/pump-2.swu';
const withoutPython = await whyNoPythonTuf();
/** What the repository holds after each time that the server publishes. */
const published: readonly { readonly root: number; readonly targets: number; readonly releases: number }[] = [
	{ root: 1, targets: 1, releases: 1 },
	{ root: 1, targets: 1, releases: 2 },
	{ root: 2, targets: 2, releases: 2 },
	{ root: 3, targets: 2, releases: 2 },
	{ root: 4, targets: 3, releases: 2 },
	{ root: 4, targets: 3, releases: 2 },
	{ root: 4, targets: 4, releases: 3 },
];

describe('docs/ceremony.md', { skip: whyNoToken() }, () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-ceremony-'));
	const tokens = join(folder, 'softhsm');
	let server: CeremonyServer;
	let oracles: readonly { readonly name: string; readonly ask: Oracle }[];

	before(async () => {
		mkdirSync(join(tokens, 'tokens'), { recursive: true });
		const configuration = `directories.tokendir = ${tokens}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`;
		writeFileSync(join(tokens, 'softhsm2.conf'), configuration);
		server = await openCeremonyServer(folder);
		const python =
			withoutPython === undefined ? [{ name: 'python-tuf', ask: pythonTuf(await pythonTufRoot(console.error)) }] : [];
		oracles = [{ name: 'tuf-js', ask: tufJs() }, ...python];
	});

	after(async () => {
		await server?.close();
		rmSync(folder, { recursive: true, force: true });
	});

	async function accepted(expected: (typeof published)[number], download: boolean): Promise<void> {
		for (const { name, ask } of oracles) {
			for (const state of [undefined, join(folder, `state-${name}`)]) {
				if (state !== undefined) mkdirSync(state, { recursive: true });
				const answer = await ask({
					metadataUrl: `${server.url}/metadata/`,
					targetUrl: `${server.url}/targets/`,
					root: readFileSync(join(folder, 'ceremony', '1.root.json')),
					targets: [update, 'config/network.json', 'absent'],
					...(state === undefined ? {} : { folder: state }),
				});
				const who = `${name}, ${state === undefined ? 'new' : 'following'}`;
				assert.equal(answer.error, null, `${who}: ${answer.error?.message}`);
				const { root, targets, releases } = answer.versions;
				assert.deepEqual({ root, targets, releases }, expected, who);
				const digest = (path: string) => createHash('sha256').update(server.contentOf(path)).digest('hex');
				const wanted = {
					[update]: download ? digest(update) : null,
					'config/network.json': digest('config/network.json'),
					absent: null,
				};
				assert.deepEqual(answer.targets, wanted, who);
			}
		}
	}

	let publications = 0;
	const act = async (step: Extract<Step, { kind: 'server' }>): Promise<void> => {
		const [verb = '', , ...keys] = step.words;
		if (verb === 'prepare') return await server.prepare(update, 'releases');
		assert.equal(verb, 'publish', `docs/ceremony.md:${step.line}`);
		const expected = published[publications++];
		assert.ok(expected, `docs/ceremony.md:${step.line}: publishes once more than this test knows`);
		await server.publish(keys);
		await accepted(expected, expected.releases > 1);
	};

	for (const step of steps) {
		if (step.kind === 'server') test(`line ${step.line}: the server does: ${step.words.join(' ')}`, () => act(step));
		else {
			test(`line ${step.line}: ${step.title}`, async () => {
				await runPage(step, folder, { SOFTHSM2_CONF: join(tokens, 'softhsm2.conf') });
			});
		}
	}

	test('python-tuf was among the clients that were asked', { skip: withoutPython }, () => {
		assert.deepEqual(
			oracles.map(({ name }) => name),
			['tuf-js', 'python-tuf'],
		);
	});

	test('every publication that is known was on the page', () => {
		assert.equal(publications, published.length);
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
