// Where the commands take the lines of an audit trail from: a file, a data directory, or the server. It leaves out what
// is done with them.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import { fileUnusable } from '../../terminal/input-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { AuditCommandWorld } from '../commands.ts';
import { exportLines } from '../export.ts';

export const auditPath = '/api/caisson/v1/audit';

export function sha256(bytes: Uint8Array): string {
	return createHash('sha256').update(bytes).digest('hex');
}

/** The bytes of an export. @param file an export that was made before; else --data DIR, else the server is asked */
export async function* exportBytes(
	terminal: Terminal,
	world: AuditCommandWorld,
	command: Command,
	file?: string,
): AsyncGenerator<Uint8Array> {
	const { data } = command.optsWithGlobals<{ data?: string }>();
	if (file !== undefined && data !== undefined) {
		throw new CaissonError('usage-wrong', 'Name a file or a data directory, not both.');
	}
	if (file !== undefined) yield* fileBytes(file);
	else if (data !== undefined) yield* chainBytes(world, data);
	else yield* (await terminal.api()).download(`${auditPath}/export`);
}

async function* fileBytes(file: string): AsyncGenerator<Uint8Array> {
	try {
		for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) yield chunk as Buffer;
	} catch (error) {
		if (error instanceof CaissonError || !(error instanceof Error && 'syscall' in error)) throw error;
		throw fileUnusable(file, error);
	}
}

async function* chainBytes(world: AuditCommandWorld, data: string): AsyncGenerator<Uint8Array> {
	const chain = await world.openChain(data);
	try {
		for await (const lines of exportLines(chain, world.now(), sha256)) yield Buffer.from(lines);
	} finally {
		chain.close();
	}
}
