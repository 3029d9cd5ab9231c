// `caisson artifact traffic`: what devices downloaded, summed by artifact, device or day.

import { Command, InvalidArgumentError, Option } from 'commander';
import { CaissonError } from '../../errors.ts';
import { wholeNumber, withExamples, withFormat } from '../../terminal/command-help.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type TrafficKey, type TrafficSum, trafficKeys } from '../store.ts';
import { artifactsPath, digestWords } from './api.ts';

interface TrafficOptions {
	readonly digest?: readonly string[];
	readonly device?: string;
	readonly since?: string;
	readonly by: TrafficKey;
	readonly after?: string;
	readonly limit: number;
	readonly format: 'text' | 'json';
}

interface TrafficPageWire {
	readonly by: TrafficKey;
	readonly traffic: readonly TrafficSum[];
	readonly next?: string;
}

export function trafficCommand(terminal: Terminal): Command {
	const command = new Command('traffic')
		.summary('what devices downloaded')
		.description(
			'Shows how many bytes devices downloaded, by artifact, device or day (UTC). Bytes are counted as they leave the server; a device that cuts the connection is counted with what it took. Where the southbound port asks nobody who they are, all devices are one without a name. A crash of a server loses its last ten seconds.',
		)
		.option('--digest <digest>', 'only this artifact; repeatable, for all artifacts of one release', digestWords)
		.option('--device <client id>', 'only this device')
		.option('--since <day>', 'the first day, e.g. 2026-11-23', day)
		.addOption(new Option('--by <key>', 'what to sum up').choices(trafficKeys).default('artifact'))
		.option('--after <key>', 'only what follows this artifact, device or day')
		.option('--limit <number>', 'lines at most', wholeNumber(1, 1000), 100);
	withFormat(command);
	withExamples(command, [
		['caisson artifact traffic --since 2026-11-01', 'Artifacts downloaded this month'],
		['caisson artifact traffic --by day --device press-17', 'What one device downloaded, day by day'],
	]);
	return command.action((options: TrafficOptions) => show(terminal, options));
}

function day(text: string): string {
	const time = Date.parse(`${text}T00:00:00Z`);
	if (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(time)) return text;
	throw new InvalidArgumentError('It must be a day, e.g. 2026-11-23.');
}

async function show(terminal: Terminal, options: TrafficOptions): Promise<void> {
	const { digest, device, since, by, after, limit, format } = options;
	const api = await terminal.api();
	const query = { digest: digest?.join(','), clientId: device, since, by, after, limit };
	const page = (await api.request('GET', `${artifactsPath}/traffic`, { query })).body as TrafficPageWire | undefined;
	if (!Array.isArray(page?.traffic)) {
		throw new CaissonError('server-unreachable', `${api.address} answered with something that is no page of traffic.`);
	}
	if (format === 'json') return terminal.json(page);
	terminal.table(page.traffic, [
		{ title: by.toUpperCase(), value: ({ key }) => (key === '' ? '-' : key) },
		{ title: 'BYTES', value: ({ bytes }) => bytesText(bytes), align: 'right' },
		{ title: 'REQUESTS', value: ({ requests }) => String(requests), align: 'right' },
		{ title: 'RANGES', value: ({ ranges }) => String(ranges), align: 'right' },
	]);
	if (page.next !== undefined) terminal.note(`There are more. Go on with --after ${page.next}`);
}
