// What `caisson trust` needs of this machine. The client, which speaks to a network, is loaded when it is called: signing on
// a machine without one loads nothing of it.

import { trustKeys } from '../../src/outside/signer/trust-keys.ts';
import { trustSha256, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import type { TrustWorld } from '../../src/trust/commands.ts';
import { writeWhole } from '../../src/update/output-file.ts';

const client = async () => (await import('./trust-client.ts')).trustClientWorld;

const orders = async () => (await import('./trust-orders.ts')).ordersWorld;

export const trustWorld: TrustWorld = {
	ceremony: { keys: trustKeys, now: Date.now, sha256: trustSha256, verify: verifyTrustSignature },
	pending: { writeWhole },
	client: {
		initialise: async (state, root) => (await client()).initialise(state, root),
		refresh: async (address) => (await client()).refresh(address),
		download: async (names, folder, address) => (await client()).download(names, folder, address),
	},
	orders: {
		initialise: async (...words) => (await orders()).initialise(...words),
		verify: async (...words) => (await orders()).verify(...words),
		inventory: async (...words) => (await orders()).inventory(...words),
		confirm: async (...words) => (await orders()).confirm(...words),
		report: async (...words) => (await orders()).report(...words),
	},
};
