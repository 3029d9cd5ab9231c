// From committed documents to the files that devices fetch. Documents are committed with an entry in the outbox; here
// their files are written, in an order in which a device never meets a timestamp before what it names, and the entries
// are taken away afterwards. A server that died in between, or another one, takes up where it stopped: writing a file
// again writes the same bytes.

import { metadataFileName } from './rules/metadata/file-names.ts';
import type { MetadataFiles, OutboxEntry, TrustStorage } from './store.ts';

/**
 * The setting that is set while documents of people are committed and the snapshot that names them is not: 'all' where
 * every online role must be signed anew, because keys changed. Nothing is written before, least of all a root.
 */
export const unfinished = 'unfinished';

// Entries taken at once, and files written beside each other.
const MOST_ENTRIES = 1_000;
const BESIDE = 16;
const MOST_ROOTS = 1_000_000;

/**
 * Writes what the outbox holds. Several servers may do so at once: should an older timestamp be written over a newer one,
 * `repairTimestamp`, which runs at the end here and now and then on every server, puts the newer one back.
 * @returns how many files were written
 * @throws CaissonError blobs-unavailable, storage-unavailable: what was not written stays in the outbox
 */
export async function flushOutbox(storage: TrustStorage, files: MetadataFiles): Promise<number> {
	let written = 0;
	for (;;) {
		if ((await storage.trust.setting(unfinished)) ?? '') return written;
		const entries = await storage.trust.outbox(MOST_ENTRIES);
		if (entries.length === 0) return written;
		const timestamps = entries.filter(({ role }) => role === 'timestamp');
		const others = entries.filter(({ role }) => role !== 'timestamp');
		await beside(others, (entry) => writeDocument(entry, storage, files));
		// Only the last one can be met; those before it were never served.
		const last = timestamps.at(-1);
		if (last !== undefined) await repairTimestamp(storage, files, last.version);
		await storage.commitTrust(({ trust }) => trust.clearOutbox(entries.map(({ number }) => number)));
		written += others.length + (last === undefined ? 0 : 1);
	}
}

/**
 * Makes timestamp.json the one of the highest version up to `most`, never an older one. Without `most`: the last
 * committed one, provided that the outbox is empty, so that all that it names is there.
 */
export async function repairTimestamp(storage: TrustStorage, files: MetadataFiles, most?: number): Promise<void> {
	if (most === undefined && (await storage.trust.outbox(1)).length > 0) return;
	const document = await storage.trust.document('timestamp', most);
	if (document === undefined) return;
	const name = metadataFileName('timestamp');
	if (servedVersion(await files.read(name)) >= document.version) return;
	await files.write(name, new TextEncoder().encode(document.body));
}

/**
 * Where nothing is served though something is committed (a restored backup, another folder or bucket), writes everything
 * anew, the timestamp last.
 * @returns how many files were written
 */
export async function restoreFiles(storage: TrustStorage, files: MetadataFiles): Promise<number> {
	if ((await storage.trust.document('timestamp')) === undefined) return 0;
	if ((await files.read(metadataFileName('timestamp'))) !== undefined) return 0;
	let written = 0;
	for (const { name, kind } of await storage.trust.roles()) {
		if (kind === 'timestamp') continue;
		// Without the current one only roots: devices that fetched an older snapshot fetch the next timestamp soon enough.
		const versions = await storage.trust.versions(name, kind === 'root' ? MOST_ROOTS : 1);
		const entries = versions.map(({ version }) => ({ number: 0, role: name, version }));
		await beside(entries, (entry) => writeDocument(entry, storage, files));
		written += entries.length;
	}
	// What is still in the outbox is written by its own way, and then the timestamp with it.
	await repairTimestamp(storage, files);
	return written;
}

function servedVersion(bytes: Uint8Array | undefined): number {
	if (bytes === undefined) return 0;
	try {
		const version: unknown = JSON.parse(new TextDecoder().decode(bytes)).signed.version;
		return typeof version === 'number' ? version : 0;
	} catch {
		return 0;
	}
}

async function writeDocument(
	{ role, version }: OutboxEntry,
	storage: TrustStorage,
	files: MetadataFiles,
): Promise<void> {
	const document = await storage.trust.document(role, version);
	// A role that was removed since.
	if (document === undefined) return;
	await files.write(metadataFileName(role, version), new TextEncoder().encode(document.body));
}

async function beside<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
	const waiting = items.values();
	const one = async () => {
		for (const item of waiting) await work(item);
	};
	await Promise.all(Array.from({ length: Math.min(BESIDE, items.length) }, one));
}
