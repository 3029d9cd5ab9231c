// Writes man/caisson.1; run it after a command's help has changed: node programs/cli/write-manual-page.ts

import { mkdirSync, writeFileSync } from 'node:fs';
import { manualPage } from './manual-page.ts';

const target = new URL('../../man/caisson.1', import.meta.url);
mkdirSync(new URL('.', target), { recursive: true });
writeFileSync(target, await manualPage());
