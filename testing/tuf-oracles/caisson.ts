// Caisson's own client in the place of an oracle, so that a test can put one repository before it and the others alike.

import { createHash } from 'node:crypto';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trustHash, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { initialiseState, TrustClient } from '../../src/trust/client/trust-client.ts';
import type { Oracle, OracleAnswer } from './oracle.ts';

const crypto = { verify: verifyTrustSignature, hash: trustHash };

export function caissonClient(): Oracle {
	return async (request) => {
		const work = request.folder ?? (await mkdtemp(join(tmpdir(), 'caisson-client-')));
		const state = join(work, 'state');
		try {
			await access(state).catch(() => initialiseState(state, request.root, crypto));
			const addresses = { metadataUrls: [request.metadataUrl], targetUrls: [request.targetUrl] };
			const client = new TrustClient({ ...crypto, ...addresses, state, clock: Date.now });
			const before = process.cpuUsage();
			const answer = await client.download(request.targets ?? [], join(work, 'downloads'));
			const { user, system } = process.cpuUsage(before);
			const cpuSeconds = (user + system) / 1e6;
			if (answer.outcome === 'refused') {
				const { code, detail: message } = answer.refusal;
				return { accepted: false, error: { kind: code, message }, versions: {}, targets: {}, cpuSeconds };
			}
			const targets: Record<string, string | null> = {};
			let error: OracleAnswer['error'] = null;
			for (const { name, path, refusal } of answer.targets) {
				if (path !== undefined)
					targets[name] = createHash('sha256')
						.update(await readFile(path))
						.digest('hex');
				else if (refusal?.code === 'unknown-target') targets[name] = null;
				else error ??= { kind: refusal?.code ?? 'unknown', message: refusal?.detail ?? '' };
			}
			return { accepted: error === null, error, versions: answer.refreshed.versions, targets, cpuSeconds };
		} finally {
			if (request.folder === undefined) await rm(work, { recursive: true, force: true });
		}
	};
}
