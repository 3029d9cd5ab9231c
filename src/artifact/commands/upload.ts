// Sends one file to the server. A large one goes as an upload in parts: where the connection is cut, the server is asked how
// far it came, and the rest follows. It leaves out whether the file is sent at all (add.ts).

import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type ArtifactWire, asArtifact, factsPath, progressOf } from './api.ts';
import type { SourceFile } from './source-file.ts';

/** Bytes below which an upload that was cut off begins anew. */
const small = 4 * 2 ** 20;
/** Attempts in a row that get no byte further, and milliseconds before the first of them. */
const [mostAttempts, firstWait] = [6, 500];

/** @throws CaissonError what the server refuses with, or server-unreachable after several attempts */
export async function upload(
	terminal: Terminal,
	api: ApiClient,
	file: SourceFile,
	digest: string,
): Promise<ArtifactWire> {
	const progress = progressOf(terminal, `Uploading ${basename(file.path)}`, file.size);
	try {
		if (file.size <= small) {
			const content = { length: file.size, chunks: file.chunks(terminal.interrupted, progress) };
			return asArtifact(api, (await api.request('PUT', factsPath(digest), { content })).body);
		}
		return await uploadInParts(terminal, api, file, digest, progress);
	} finally {
		terminal.progress('');
	}
}

async function uploadInParts(
	terminal: Terminal,
	api: ApiClient,
	file: SourceFile,
	digest: string,
	progress: (done: number) => void,
): Promise<ArtifactWire> {
	let offset = await offsetOf(api, file, digest);
	if (offset > 0) terminal.note(`${file.path}: goes on behind ${bytesText(offset)} that the server has.`);
	for (let failures = 0; ; ) {
		try {
			const part = offset === file.size ? '*' : `${offset}-${file.size - 1}`;
			const headers = { 'content-range': `bytes ${part}/${file.size}` };
			const content = { length: file.size - offset, chunks: file.chunks(terminal.interrupted, progress, offset) };
			return asArtifact(api, (await api.request('PUT', factsPath(digest), { content, headers })).body);
		} catch (error) {
			if (terminal.interrupted.aborted || !mayGoOn(error) || ++failures >= mostAttempts) throw error;
			await sleep(firstWait * 2 ** failures, undefined, { signal: terminal.interrupted }).catch(() => undefined);
		}
		// Where even that cannot be asked, the next attempt tells.
		const reached = await offsetOf(api, file, digest).catch(() => offset);
		if (reached > offset) failures = 0;
		offset = reached;
	}
}

function mayGoOn(error: unknown): boolean {
	return error instanceof CaissonError && (error.code === 'server-unreachable' || error.code === 'upload-conflict');
}

async function offsetOf(api: ApiClient, file: SourceFile, digest: string): Promise<number> {
	const { body } = await api.request('GET', `${factsPath(digest)}/upload`);
	const { offset } = (body ?? {}) as { offset?: unknown };
	// More than there is: the server finds out that it is another file, and begins anew.
	if (typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0) return offset > file.size ? 0 : offset;
	throw new CaissonError('server-unreachable', `${api.address} answered with something that is no place in the file.`);
}
