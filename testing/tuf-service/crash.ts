// A process that publishes one target and kills itself at one step: what kill -9 does at the worst moment.
// `node crash.ts DATABASE FOLDER STEP PATH`; steps are counted from 1, one before and one after each write of a file and each
// commit. It ends with 0 where there are fewer steps. The parent looks at what is left.

import { openSqlite } from '../../src/storage/sqlite/open.ts';
import type { MetadataFiles } from '../../src/trust/store.ts';
import { openService } from './service.ts';

async function main(database: string, folder: string, last: number, path: string): Promise<void> {
	let armed = false;
	let step = 0;
	const at = () => {
		if (armed && ++step === last) process.kill(process.pid, 'SIGKILL');
	};
	const storage = await openSqlite(database, {
		aroundCommit(commit) {
			at();
			commit();
			at();
		},
	});
	const service = await openService(storage, { folder });
	const files: MetadataFiles = {
		...service.files,
		async write(name, bytes) {
			at();
			await service.files.write(name, bytes);
			at();
		},
	};
	armed = true;
	await service.put([path]);
	await service.another({ files }).publish('crash');
	await storage.close();
}

const [, program, database, folder, last, path] = process.argv;
if (program === import.meta.filename && database && folder && path) await main(database, folder, Number(last), path);
