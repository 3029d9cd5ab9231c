// A device that takes orders of a director, for `caisson trust client verify` and its like: with this machine's clock,
// Node's cryptography, and the keys of its components.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CaissonError } from '../../src/errors.ts';
import { openTrustSigner } from '../../src/outside/signer/trust-signer.ts';
import { trustHash, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { confirmInstalled, initialiseUptane, verifyUpdate } from '../../src/trust/client/uptane.ts';
import { makeSignedManifest } from '../../src/trust/client/uptane-manifest.ts';
import type { Identity, OrdersWorld } from '../../src/trust/commands/client-orders.ts';
import type { TrustSigner } from '../../src/trust/signer.ts';

const crypto = { verify: verifyTrustSignature, hash: trustHash };

export const ordersWorld: OrdersWorld = {
	initialise: async (state, directorRoot, imageRoot) => {
		const [director, image] = [await readNamed(directorRoot), await readNamed(imageRoot)];
		await initialiseUptane(state, { director, image }, crypto);
	},
	verify: ({ device, components, installable = ['releases/'] }, { directorUrl, out, ...address }) => {
		const self = { device, components };
		const directorUrls = [deviceUrl(directorUrl, device)];
		return verifyUpdate({ ...crypto, ...address, self, installable, directorUrls, clock: Date.now }, out);
	},
	inventory: async (identity) => {
		const components = [];
		for (const { id, hardware, primary, ...secrets } of identity.components) {
			const { key } = await openKey(secrets);
			components.push({ id, hardware, primary: primary === true, key });
		}
		return { device: identity.device, components };
	},
	confirm: (state, component) => confirmInstalled(state, component),
	report,
};

type Secrets = Pick<Identity['components'][number], 'key' | 'passphraseFile' | 'pinFile'>;

async function openKey({ key, passphraseFile, pinFile }: Secrets): Promise<TrustSigner> {
	return openTrustSigner({ key, ...(passphraseFile && { passphraseFile }), ...(pinFile && { pinFile }) });
}

const deviceUrl = (director: string, device: string) => `${director.replace(/\/$/, '')}/${encodeURIComponent(device)}`;

async function report(identity: Identity, state: string, director: string): Promise<void> {
	const components = [];
	for (const { id, primary, hardware: _, ...secrets } of identity.components) {
		components.push({ id, primary: primary === true, signer: await openKey(secrets) });
	}
	const device = { device: identity.device, components };
	const manifest = await makeSignedManifest({ state, device, clock: Date.now, nonce: randomBytes(16) });
	const { status, text } = await post(
		new URL(`${deviceUrl(director, identity.device)}/manifest`),
		JSON.stringify(manifest),
	);
	if (status === 200) return;
	throw new CaissonError(
		'director-manifest-dropped',
		`The director dropped the manifest (${status}): ${text.slice(0, 500)}`,
	);
}

/** One POST; the answer is cut at 64 KiB and 30 seconds. */
async function post(url: URL, body: string): Promise<{ status: number; text: string }> {
	const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
	const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
	return new Promise<{ status: number; text: string }>((resolve, reject) => {
		const sent = send(url, { method: 'POST', headers, signal: AbortSignal.timeout(30_000) }, (response) => {
			let text = '';
			response.setEncoding('utf8');
			response.on('data', (chunk: string) => {
				text += chunk;
				if (text.length > 65_536) sent.destroy(new Error('the answer is too long'));
			});
			response.on('error', reject);
			response.on('end', () => resolve({ status: response.statusCode ?? 0, text: text.trim() }));
		});
		sent.on('error', reject);
		sent.end(body);
	}).catch((cause) => {
		throw new CaissonError('server-unreachable', `The director cannot be reached: ${(cause as Error).message}.`, {
			cause,
		});
	});
}

async function readNamed(path: string): Promise<Uint8Array> {
	return readFile(path).catch((cause) => {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('trust-client-failed', `${path} cannot be read (${reason}).`, { cause });
	});
}
