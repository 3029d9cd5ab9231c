// A program for a test: starts a device, says so, and waits to be killed.

import { startDevice } from './device.ts';
import { prepareRoot } from './root.ts';

const [suite = 'trixie', certificate = ''] = process.argv.slice(2);
const root = await prepareRoot({ suite });
// Nobody listens on port 9 (discard); the device asks again and again.
const device = await startDevice({ root, id: 'idle', server: 'http://127.0.0.1:9/api/wfx/v1', certificate });
// In 2026.05 the second.
await device.waitForLine(/Suricatta querying|Querying wfx specification/);
console.log('running');
setInterval(() => {}, 60_000);
