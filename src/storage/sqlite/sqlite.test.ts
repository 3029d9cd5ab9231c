// The embedded store keeps the contract that all stores share.

import { openTemporary } from '../../../testing/database/temporary-database.ts';
import { storageContract } from '../contract.ts';

storageContract('SQLite', () => openTemporary());
