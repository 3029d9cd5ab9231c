// The TUF client of a device for `caisson trust client`: with this machine's clock and Node's cryptography.

import { trustHash, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { initialiseState, TrustClient } from '../../src/trust/client/trust-client.ts';
import type { ClientAddress, ClientWorld } from '../../src/trust/commands/client.ts';

const crypto = { verify: verifyTrustSignature, hash: trustHash };

async function withClient<T>(address: ClientAddress, work: (client: TrustClient) => Promise<T>): Promise<T> {
	const client = new TrustClient({ ...crypto, ...address, clock: Date.now });
	try {
		return await work(client);
	} finally {
		client.close();
	}
}

export const trustClientWorld: ClientWorld = {
	initialise: (state, root) => initialiseState(state, root, crypto),
	refresh: (address) => withClient(address, (client) => client.refresh()),
	download: (names, folder, address) => withClient(address, (client) => client.download(names, folder)),
};
