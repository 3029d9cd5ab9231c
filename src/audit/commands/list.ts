// `caisson audit list`: rows of the trail, oldest first, and the head of the chain.

import { Command, InvalidArgumentError } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { duration, wholeNumber, withExamples, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { AuditCommandWorld } from '../commands.ts';
import type { ChainHead } from '../rules/seal.ts';
import { auditPath } from './source.ts';

interface ListOptions {
	readonly after?: number;
	readonly actor?: string;
	readonly action?: string;
	readonly subject?: string;
	readonly since?: string;
	readonly until?: string;
	readonly limit: number;
	readonly format: 'text' | 'json';
}

interface RowWire {
	readonly id: number;
	readonly time: string;
	readonly actor: string;
	readonly action: string;
	readonly subject: string;
	readonly detail?: unknown;
}

interface PageWire {
	readonly rows: readonly RowWire[];
	readonly next: number | null;
	readonly head: ChainHead | null;
}

export function listCommand(terminal: Terminal, world: AuditCommandWorld): Command {
	const time = (text: string) => timeText(text, world.now());
	const command = new Command('list')
		.summary('list who did what')
		.description(
			'Lists rows of the audit trail, oldest first: the newest ones, or with --after those that follow a row. Below stands the head: keep it outside this server, and `audit verify --head` tells later whether the trail up to it is whole.',
		)
		.option('--after <id>', 'rows that follow this one', wholeNumber(0, Number.MAX_SAFE_INTEGER))
		.option('--actor <name>', 'only what this one did')
		.option('--action <name>', 'only this action; job.* stands for all of a noun')
		.option('--subject <id>', 'only what was done to this')
		.option('--since <time>', 'only from this time on: RFC 3339, or an age such as 2h', time)
		.option('--until <time>', 'only before this time', time)
		.option('--limit <number>', 'rows at most', wholeNumber(1, 1_000_000), 50);
	withFormat(command);
	withExamples(command, [
		['caisson audit list --since 24h --action access.denied', 'Who was turned away today'],
		['caisson audit list --after 1200 --limit 1000 --format json', 'For a program: what came after row 1200'],
	]);
	return command.action(async (options: ListOptions) => {
		const { rows, next, head } = await collect(terminal, await terminal.api(), options);
		if (options.format === 'json') return terminal.json({ rows, next, head });
		terminal.table(rows, [
			{ title: 'ID', value: (row) => String(row.id), align: 'right' },
			{ title: 'TIME', value: (row) => row.time },
			{ title: 'ACTOR', value: (row) => row.actor },
			{ title: 'ACTION', value: (row) => row.action },
			{ title: 'SUBJECT', value: (row) => row.subject },
			{ title: 'DETAIL', value: (row) => (row.detail === undefined ? '' : JSON.stringify(row.detail)) },
		]);
		terminal.print(head === null ? 'Head: nothing is sealed yet' : `Head: seal ${head.seal} ${head.hash}`);
		if (next !== null && options.after !== undefined) terminal.note(`Go on with --after ${next}.`);
	});
}

/** A time as the server reads it. */
function timeText(text: string, now: number): string {
	if (/^\d{1,6}[smhdw]$/.test(text)) return new Date(now - duration(text)).toISOString();
	const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
	if (Number.isNaN(time)) throw new InvalidArgumentError('It must be a time such as 2026-01-31T12:00:00Z, or 2h, 30d.');
	return new Date(time).toISOString();
}

/** Pages until there are enough rows; one answer looks at a bounded number of rows only. */
async function collect(terminal: Terminal, api: ApiClient, options: ListOptions): Promise<PageWire> {
	const { limit, after, format: _, ...filter } = options;
	const rows: RowWire[] = [];
	let cursor = after;
	for (;;) {
		const place = after === undefined ? { sort: 'desc', before: cursor } : { sort: 'asc', after: cursor };
		const query = { ...filter, ...place, limit: Math.min(1000, limit - rows.length) };
		const page = asPage(api, (await api.request('GET', auditPath, { query })).body);
		rows.push(...page.rows);
		if (page.next === null || rows.length >= limit) {
			return { rows: after === undefined ? rows.reverse() : rows, next: page.next, head: page.head };
		}
		cursor = page.next;
		terminal.progress(`${rows.length} rows, looked at row ${cursor}`);
	}
}

function asPage(api: ApiClient, body: unknown): PageWire {
	const page = body as Partial<PageWire> | undefined;
	if (Array.isArray(page?.rows) && (page.next === null || typeof page.next === 'number')) return page as PageWire;
	const message = `${api.address} answered with something that is not a page of the audit trail.`;
	throw new CaissonError('server-unreachable', message);
}
