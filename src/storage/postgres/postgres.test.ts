// The store on PostgreSQL keeps the contract that all stores share.

import { test } from 'node:test';
import { withoutPostgres } from '../../../testing/postgres/server.ts';
import { openPostgresStore } from '../../../testing/postgres/store.ts';
import { storageContract } from '../contract.ts';

const skip = withoutPostgres();
if (skip) test('PostgreSQL keeps the storage contract', { skip }, () => {});
else
	storageContract(
		'PostgreSQL',
		() => openPostgresStore(),
		() => openPostgresStore(),
	);
