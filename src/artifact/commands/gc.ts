// `caisson artifact gc`: removes artifacts that nothing names. The server decides; this asks again while there is more.

import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import { duration, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { shortTime } from '../../terminal/fields.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type ArtifactWire, artifactsPath, asArtifact } from './api.ts';

interface GcOptions {
	readonly dryRun?: boolean;
	readonly olderThan: number;
	readonly format: 'text' | 'json';
}

interface CollectedWire {
	readonly removed: readonly unknown[];
	readonly bytes: number;
	readonly kept: { readonly named: number; readonly young: number };
	readonly unreadable: readonly string[];
	readonly more: boolean;
}

/** Artifacts that the server removes before it answers. */
const atOnce = 1000;
const month = 30 * 86_400_000;

export function gcCommand(terminal: Terminal): Command {
	const command = new Command('gc')
		.summary('remove artifacts that nothing names')
		.description(
			'Removes artifacts that were uploaded long ago and that nothing names: no unfinished job, and no update (.swu) that such a job names and whose description has their address, as the description of a delta update does.',
		)
		.option('--older-than <duration>', 'only artifacts uploaded so long ago: 12h, 30d (default: 30d)', duration, month)
		.option('--dry-run', 'only say what would be removed');
	withFormat(command);
	withExamples(command, [
		['caisson artifact gc --dry-run', 'What would go'],
		['caisson artifact gc --older-than 90d', 'Remove what is older than three months'],
	]);
	withExitCodes(command, {
		0: 'done, also where there was nothing to remove',
		2: 'trouble; what is printed is removed',
	});
	return command.action((options: GcOptions) => collect(terminal, options));
}

async function collect(terminal: Terminal, { dryRun = false, olderThan, format }: GcOptions): Promise<void> {
	const api = await terminal.api();
	const removed: ArtifactWire[] = [];
	let last: CollectedWire | undefined;
	try {
		do {
			terminal.progress(`${removed.length} artifacts removed`);
			const body = { olderThan: Math.floor(olderThan / 1000), dryRun, limit: dryRun ? 10_000 : atOnce };
			const answer = await api.request('POST', `${artifactsPath}/collect`, { body });
			last = asCollected(answer.body, api.address);
			removed.push(...last.removed.map((one) => asArtifact(api, one)));
		} while (last.more && !dryRun);
	} finally {
		terminal.progress('');
		report(terminal, removed, last, dryRun, format);
	}
	for (const update of last.unreadable) {
		terminal.note(`The description of the update ${update} cannot be read: artifacts that only it names are not kept.`);
	}
	if (last.more) terminal.note('There are more.');
	if (dryRun && removed.length > 0)
		terminal.note('Nothing was removed. Without --dry-run these go: caisson artifact gc');
}

function report(
	terminal: Terminal,
	removed: readonly ArtifactWire[],
	last: CollectedWire | undefined,
	dryRun: boolean,
	format: 'text' | 'json',
): void {
	const bytes = removed.reduce((sum, { size }) => sum + size, 0);
	if (format === 'json') {
		terminal.json({ removed, bytes, ...(last && { kept: last.kept }), dryRun });
		return;
	}
	terminal.table(removed, [
		{ title: 'DIGEST', value: (artifact) => artifact.digest },
		{ title: 'SIZE', value: (artifact) => bytesText(artifact.size), align: 'right' },
		{ title: 'STORED', value: (artifact) => shortTime(artifact.stored) },
	]);
	if (last === undefined) return;
	const { named, young } = last.kept;
	terminal.note(
		`${removed.length} ${dryRun ? 'would be' : 'were'} removed (${bytesText(bytes)}); kept: ${named} that something names, ${young} that are younger.`,
	);
}

function asCollected(body: unknown, address: string): CollectedWire {
	const collected = body as Partial<CollectedWire> | undefined;
	if (Array.isArray(collected?.removed) && typeof collected.kept === 'object') return collected as CollectedWire;
	throw new CaissonError('server-unreachable', `${address} answered with something that is no garbage collection.`);
}
