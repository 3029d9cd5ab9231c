// A device's client as a process of its own, for the test of power cuts: it refreshes and downloads, and kills itself with
// SIGKILL before the given step on the disk. Words: STATE, URL, DOWNLOADS, number of the step (0: none), target. It prints
// how many steps there were.

import { trustHash, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { TrustClient } from '../../src/trust/client/trust-client.ts';

const [state, url, downloads, last, target] = process.argv.slice(2) as [string, string, string, string, string];
let steps = 0;
const client = new TrustClient({
	...{ verify: verifyTrustSignature, hash: trustHash, state, clock: Date.now },
	metadataUrls: [`${url}/metadata`],
	targetUrls: [`${url}/targets`],
	step: () => {
		steps++;
		if (steps === Number(last)) process.kill(process.pid, 'SIGKILL');
	},
});
const result = await client.download([target], downloads);
client.close();
if (result.outcome === 'refused' || result.targets.some(({ outcome }) => outcome === 'refused')) {
	throw new Error(JSON.stringify(result));
}
console.log(steps);
