// The oracles themselves: they accept repositories that python-tuf made, and refuse one that was changed on the way.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newKey } from '../tuf-repository/keys.ts';
import { TufRepository } from '../tuf-repository/repository.ts';
import { type FileServer, folderSource, startFileServer } from '../tuf-repository/server.ts';
import type { Oracle } from './oracle.ts';
import { pythonTuf, pythonTufRoot, whyNoPythonTuf } from './python-tuf.ts';
import { tufJs } from './tuf-js.ts';

const golden = fileURLToPath(new URL('../../testdata/trust/python-tuf/', import.meta.url));
const without = await whyNoPythonTuf();

const oracles: readonly { name: string; skip: string | undefined; start: () => Promise<Oracle> }[] = [
	{ name: 'python-tuf', skip: without, start: async () => pythonTuf(await pythonTufRoot(console.error)) },
	{ name: 'tuf-js', skip: undefined, start: async () => tufJs() },
];

for (const { name, skip, start } of oracles) {
	describe(`${name} as an oracle`, { skip }, () => {
		let server: FileServer;
		let oracle: Oracle;

		before(async () => {
			server = await startFileServer(folderSource(golden));
			oracle = await start();
		});

		after(() => server?.close());

		const ask = async (repository: string, targets: readonly string[]) =>
			oracle({
				metadataUrl: `${server.url}/${repository}/metadata/`,
				targetUrl: `${server.url}/${repository}/targets/`,
				root: await readFile(`${golden}${repository}/metadata/1.root.json`),
				targets,
			});

		test('it follows the root chain and finds targets of nested roles', async () => {
			const answer = await ask('rotated', ['releases/x/2.swu', 'absent']);
			assert.deepEqual(answer.error, null);
			assert.equal(answer.accepted, true);
			assert.equal(answer.versions.root, 3);
			const content = 'Signed by a role that releases delegates to.\n';
			const expected = createHash('sha256').update(content).digest('hex');
			assert.deepEqual(answer.targets, { 'releases/x/2.swu': expected, absent: null });
		});

		test('it accepts the repositories that tests are made with (testing/tuf-repository)', async () => {
			const repository = new TufRepository({ hashes: true });
			const old = repository.signers.get('root') ?? [];
			repository.rotateKeys('root');
			repository.addKey('targets', newKey('ecdsa-p384'));
			repository.root.roles.targets.threshold = 2;
			repository.publishRoot(old);
			// A pattern never crosses a slash, so a role for every path is delegated by the first digits of hashes.
			repository.delegate('targets', { name: 'bins', path_hash_prefixes: [...'0123456789abcdef'] });
			const bins = repository.delegateBins('bins', 3);
			const content = repository.addTarget(repository.binOf('bins', 'a/file'), 'a/file', 'content');
			repository.publish(...bins, 'bins', 'targets');
			const own = await startFileServer(repository.source);
			try {
				const urls = { metadataUrl: `${own.url}/metadata/`, targetUrl: `${own.url}/targets/` };
				const answer = await oracle({ ...urls, root: repository.firstRoot, targets: ['a/file'] });
				assert.deepEqual(answer.error, null);
				assert.deepEqual(answer.targets, { 'a/file': createHash('sha256').update(content).digest('hex') });
				assert.equal(answer.versions.root, 2);
			} finally {
				await own.close();
			}
		});

		test('it refuses a timestamp that was changed on the way', async () => {
			server.behave(/rotated\/metadata\/timestamp\.json$/, (_request, response, file) => {
				response.end(
					Buffer.from(file as Uint8Array)
						.toString()
						.replace('2126-', '2127-'),
				);
			});
			const answer = await ask('rotated', []);
			server.calm();
			assert.equal(answer.accepted, false);
			assert.match(answer.error?.message ?? '', /signed|signature/i);
			assert.equal(answer.versions.timestamp, undefined);
		});
	});
}
