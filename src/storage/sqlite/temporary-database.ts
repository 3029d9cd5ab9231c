// A SQLite database in a folder of its own that goes away after the test.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenedStore } from '../contract/stores.ts';
import { openSqlite, type SqliteOptions } from './open.ts';

export interface TemporaryFile {
	readonly file: string;
	remove(): void;
}

export function temporaryFile(): TemporaryFile {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-sqlite-'));
	return { file: join(folder, 'caisson.db'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export async function openTemporary(options: SqliteOptions = {}): Promise<OpenedStore & { readonly file: string }> {
	const { file, remove } = temporaryFile();
	let current = await openSqlite(file, options);
	return {
		file,
		storage: current,
		async reopen() {
			await current.close();
			current = await openSqlite(file, options);
			return current;
		},
		async destroy() {
			await current.close();
			remove();
		},
	};
}
