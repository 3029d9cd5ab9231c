// The suite that every store passes: what the interfaces in job/, workflow/, audit/ and storage/store.ts promise, as
// tests against a real database. What only one store does (files, faults, plans of queries) is tested beside it.

import { describe } from 'node:test';
import { auditContract } from './contract/audit.ts';
import { eventContract } from './contract/events.ts';
import { historyContract } from './contract/history.ts';
import { jobContract } from './contract/jobs.ts';
import { queryContract } from './contract/query.ts';
import { sealContract } from './contract/seals.ts';
import { serverContract } from './contract/servers.ts';
import type { OpenStore, SharedStore } from './contract/stores.ts';
import { tokenContract } from './contract/tokens.ts';
import { trafficContract } from './contract/traffic.ts';
import { trustContract, trustServerContract } from './contract/trust.ts';
import { unitContract } from './contract/units.ts';
import { workflowContract } from './contract/workflows.ts';

/**
 * Declares the tests; `open` makes an empty store of its own for each of them. @param share the same for a store that
 * several servers may use at once
 */
export function storageContract(name: string, open: OpenStore, share?: () => Promise<SharedStore>): void {
	describe(`${name} keeps the storage contract`, () => {
		workflowContract(open);
		jobContract(open);
		historyContract(open);
		queryContract(open);
		unitContract(open);
		eventContract(open);
		auditContract(open);
		sealContract(open);
		tokenContract(open);
		trustContract(open);
		trafficContract(open);
		if (share !== undefined) {
			serverContract(share);
			trustServerContract(share);
		}
	});
}
