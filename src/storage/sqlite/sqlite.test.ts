// The embedded store keeps the contract that all stores share.

import { storageContract } from '../contract.ts';
import { openTemporary } from './temporary-database.ts';

storageContract('SQLite', openTemporary);
