// `caisson job events`: what happens to jobs, live, a line each. It goes on until Ctrl-C (or --count) and comes back
// after a lost connection where it stopped.

import { Command, InvalidArgumentError, Option } from 'commander';
import type { ServerSentEvent } from '../../terminal/api-client.ts';
import { list, wholeNumber, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { jsonText } from '../../terminal/console-terminal.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { jobActions } from '../rules/model.ts';
import { jobsPath } from './api.ts';
import { type EventWire, eventLine } from './show.ts';

interface EventOptions {
	readonly jobId?: readonly string[];
	readonly clientId?: readonly string[];
	readonly workflow?: readonly string[];
	readonly action?: readonly string[];
	readonly tag?: readonly string[];
	readonly since?: string;
	readonly count?: number;
	readonly format: 'text' | 'json';
}

export function eventsCommand(terminal: Terminal): Command {
	const action = new Option('--action <name>', 'only this kind of event').choices(jobActions);
	const command = new Command('events')
		.summary('watch what happens to jobs')
		.description(
			'Shows what happens to jobs as it happens, until Ctrl-C. After a lost connection it goes on where it stopped; a plain wfx keeps no events, so there those of the meantime are lost. Different filters widen what is shown: an event that matches any of them is shown.',
		)
		.option('--job-id <id>', 'events of this job; may be repeated', list)
		.option('--client-id <id>', 'events of this device’s jobs; may be repeated', list)
		.option('--workflow <name>', 'events of jobs with this workflow; may be repeated', list)
		.addOption(
			action.argParser((word: string, before: readonly string[] | undefined) => oneAction(word, before, action)),
		)
		.option('--tag <tag>', 'events of jobs with this tag; may be repeated', list)
		.option('--since <event-id>', 'first the kept events after this one')
		.option('--count <number>', 'end after so many events', wholeNumber(1, Number.MAX_SAFE_INTEGER));
	withFormat(command);
	withExamples(command, [
		['caisson job events --client-id pump-7', 'One device, live'],
		[
			'caisson job events --since 1200 --format json >> events.ndjson',
			'For a program: one JSON object a line, with the id to resume from',
		],
	]);
	withExitCodes(command, { 0: 'it showed as many as --count says', 2: 'trouble', 130: 'Ctrl-C' });
	return command.action((options: EventOptions) => follow(terminal, options));
}

function oneAction(word: string, before: readonly string[] | undefined, option: Option): string[] {
	const words = list(word.toUpperCase(), before);
	const wrong = words.find((name) => !option.argChoices?.includes(name));
	if (wrong !== undefined) throw new InvalidArgumentError(`Allowed are ${jobActions.join(', ')}.`);
	return words;
}

async function follow(terminal: Terminal, options: EventOptions): Promise<void> {
	const api = await terminal.api();
	const query = {
		jobIds: options.jobId?.join(','),
		clientIds: options.clientId?.join(','),
		workflows: options.workflow?.join(','),
		actions: options.action?.join(','),
		tags: options.tag?.join(','),
	};
	const headers: Record<string, string> = options.since === undefined ? {} : { 'Last-Event-ID': options.since };
	const observer = {
		open: (again: boolean) => terminal.note(again ? 'Connected again.' : `Connected to ${api.address}; Ctrl-C ends.`),
		lost: (reason: string, wait: number) => terminal.note(`${reason}; trying again in ${Math.ceil(wait / 1000)} s.`),
	};
	let seen = 0;
	for await (const event of api.events(`${jobsPath}/events`, { query, headers }, terminal.interrupted, observer)) {
		showEvent(terminal, event, options.format);
		if (++seen === options.count) return;
	}
	terminal.interrupted.throwIfAborted();
}

function showEvent(terminal: Terminal, event: ServerSentEvent, format: 'text' | 'json'): void {
	let value: EventWire;
	try {
		value = JSON.parse(event.data) as EventWire;
	} catch {
		terminal.note('The server sent an event that is not JSON; it is left out.');
		return;
	}
	terminal.print(format === 'json' ? jsonText({ id: event.id, ...value }, '') : eventLine(value));
}
