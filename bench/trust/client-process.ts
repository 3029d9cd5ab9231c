// One run of a TUF client in a process of its own, so that its CPU is told apart from the web server's and a run that takes
// too long can be ended: it refreshes, and looks one target up where asked. `node client-process.ts '{"client":…}'`; the
// answer is one line of JSON. It leaves out python-tuf, which runs in a root of its own.

import { readFileSync } from 'node:fs';
import { trustHash, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { initialiseState, TrustClient } from '../../src/trust/client/trust-client.ts';
import { tufJs } from '../../testing/tuf-oracles/tuf-js.ts';

export interface ClientTask {
	readonly client: 'caisson' | 'tuf-js';
	readonly url: string;
	/** File of the first root; absent: the state goes on. */
	readonly root?: string;
	readonly state: string;
	/** Names to look up after the refresh; no role names them, so nothing is downloaded. */
	readonly lookups: readonly string[];
}

export interface ClientFigures {
	/** Milliseconds of all threads, without the start of the program. */
	readonly cpu: number;
	/** Why the client refused; absent where it did not. */
	readonly error?: string;
}

const crypto = { verify: verifyTrustSignature, hash: trustHash };

async function caisson({ url, root, state, lookups }: ClientTask): Promise<ClientFigures> {
	if (root !== undefined) await initialiseState(state, readFileSync(root), crypto);
	const before = process.cpuUsage();
	const client = new TrustClient({ ...crypto, state, metadataUrls: [url], clock: Date.now });
	const answer = await client.consult(async ({ find }, refreshed) => {
		for (const name of lookups) {
			const found = await find(name);
			if (!('code' in found) || found.code !== 'unknown-target') throw new Error(`${name}: ${JSON.stringify(found)}`);
		}
		return refreshed;
	});
	client.close();
	const { user, system } = process.cpuUsage(before);
	const cpu = (user + system) / 1000;
	return answer.outcome === 'refused' ? { cpu, error: answer.refusal.code } : { cpu };
}

async function other({ url, root, state, lookups }: ClientTask): Promise<ClientFigures> {
	const bytes = root === undefined ? new Uint8Array() : readFileSync(root);
	const answer = await tufJs()({ metadataUrl: url, targetUrl: url, root: bytes, targets: lookups, folder: state });
	const cpu = answer.cpuSeconds * 1000;
	return answer.error === null ? { cpu } : { cpu, error: answer.error.message };
}

const [, program, words] = process.argv;
if (program === import.meta.filename && words) {
	const task: ClientTask = JSON.parse(words);
	const figures = await (task.client === 'caisson' ? caisson(task) : other(task));
	process.stdout.write(`${JSON.stringify(figures)}\n`);
}
