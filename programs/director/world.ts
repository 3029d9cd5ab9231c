// What `caisson director` needs of this machine: the data directory, the process that serves, the socket to it, and the
// look at the image repository. Modules are loaded when a command needs them.

import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CaissonError, type ErrorCode, errorCatalogue } from '../../src/errors.ts';
import type { DirectorWorld } from '../../src/trust/commands/director.ts';

export const directorWorld: DirectorWorld = {
	initialise: async (setup, note) => (await import('./data-folder.ts')).initialiseDirector(setup, note),
	serve: async (service, terminal) => (await import('./serve.ts')).serveDirector(service, terminal),
	ask,
	lookUp,
};

/** One request over the socket of operators. */
async function ask(dir: string, method: string, path: string, body?: unknown): Promise<unknown> {
	const text = body === undefined ? '' : JSON.stringify(body);
	const socketPath = join(resolve(dir), 'operator.sock');
	const { status, answer } = await new Promise<{ status: number; answer: string }>((done, reject) => {
		const sent = request(
			{ socketPath, method, path, headers: { 'content-length': Buffer.byteLength(text) } },
			(response) => {
				const chunks: Buffer[] = [];
				response.on('data', (chunk: Buffer) => chunks.push(chunk));
				response.on('error', reject);
				response.on('end', () => done({ status: response.statusCode ?? 0, answer: Buffer.concat(chunks).toString() }));
			},
		);
		sent.setTimeout(60_000, () => sent.destroy(new Error('no answer within a minute')));
		sent.on('error', reject);
		sent.end(text);
	}).catch((cause) => {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		const message = `No director serves ${dir} (${reason}): start it with \`caisson director serve --dir ${dir}\`.`;
		throw new CaissonError('server-unreachable', message, { cause });
	});
	const value = JSON.parse(answer) as { readonly code?: string; readonly message?: string };
	if (status < 400) return value;
	const code =
		value.code !== undefined && Object.hasOwn(errorCatalogue, value.code) ? (value.code as ErrorCode) : 'internal';
	throw new CaissonError(code, value.message ?? `The director answered ${status}.`);
}

async function lookUp(
	...[dir, metadataUrl, targetUrl, path]: Parameters<DirectorWorld['lookUp']>
): ReturnType<DirectorWorld['lookUp']> {
	const [{ TrustClient }, { releaseFacts }, { imageState }, { trustHash, verifyTrustSignature }] = await Promise.all([
		import('../../src/trust/client/trust-client.ts'),
		import('../../src/trust/rules/director/orders.ts'),
		import('./data-folder.ts'),
		import('../../src/outside/signer/trust-verify.ts'),
	]);
	const client = new TrustClient({
		...{ verify: verifyTrustSignature, hash: trustHash, clock: Date.now, state: imageState(resolve(dir)) },
		...{ metadataUrls: [metadataUrl], targetUrls: [targetUrl] },
	});
	const folder = await mkdtemp(join(tmpdir(), 'caisson-director-'));
	try {
		const result = await client.download([path], folder);
		const [outcome] = result.outcome === 'downloaded' ? result.targets : [];
		const refusal = result.outcome === 'refused' ? result.refusal : outcome?.refusal;
		if (refusal !== undefined) throw new CaissonError('trust-refused', `${refusal.code}: ${refusal.detail}`);
		const { file } = outcome?.found ?? {};
		if (file === undefined) throw new CaissonError('internal', 'a download without its entry');
		const facts = releaseFacts(file);
		if (typeof facts === 'string') {
			throw new CaissonError('director-order-refused', `The target ${path} cannot be ordered: ${facts}.`);
		}
		return { path, length: file.length, hashes: file.hashes, ...facts };
	} finally {
		client.close();
		await rm(folder, { recursive: true, force: true });
	}
}
