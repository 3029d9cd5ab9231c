// How one thing is shown in full: its fields as aligned names and values, and times as people read them. It knows no
// noun; tables of many things are in table.ts.

import type { Terminal } from './terminal.ts';

/** A time of the API to the second, in UTC. */
export function shortTime(time: string | undefined): string {
	const milliseconds = Date.parse(time ?? '');
	return Number.isNaN(milliseconds) ? '' : `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** Names and values, aligned; what is undefined or empty is left out. */
export function showFields(terminal: Terminal, fields: readonly (readonly [string, string | undefined])[]): void {
	const shown = fields.filter((field): field is [string, string] => field[1] !== undefined && field[1] !== '');
	const width = Math.max(...shown.map(([name]) => name.length));
	for (const [name, value] of shown) {
		terminal.print(`${terminal.style('bold', name.padEnd(width))}  ${value.replaceAll('\n', '\\n')}`);
	}
}
