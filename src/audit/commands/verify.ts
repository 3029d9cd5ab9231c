// `caisson audit verify`: whether the trail is as it was sealed. The lines are judged here, whoever sent them; the server
// is not asked for its opinion.

import { Command, InvalidArgumentError } from 'commander';
import { CaissonError } from '../../errors.ts';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { AuditCommandWorld } from '../commands.ts';
import { LineSplitter } from '../rules/lines.ts';
import { type AuditVerdict, AuditVerifier } from '../rules/verify.ts';
import { exportBytes, sha256 } from './source.ts';

export function verifyCommand(terminal: Terminal, world: AuditCommandWorld): Command {
	const command = new Command('verify')
		.summary('check that nothing in the trail was changed')
		.description(
			'Checks every row against its seal and every seal against the one before: rows that are missing, changed, inserted or out of order are named. It reads an export, with --data the database of a data directory, or else the server. What was cut off at the end shows only against a head that was kept elsewhere.',
		)
		.argument('[file]', 'an export')
		.option('--head <hash>', 'hash of a seal, kept elsewhere, that must be there', headHash);
	withFormat(command);
	withExamples(command, [
		['caisson audit verify', 'The trail of the server'],
		['caisson audit verify audit-2026.ndjson --format json', 'An export'],
		['caisson audit verify --data /var/lib/caisson', 'A database, whether or not a server runs on it'],
	]);
	withExitCodes(command, {
		0: 'every sealed row is as it was sealed',
		1: 'a finding, a part that could not be checked, or nothing sealed',
		2: 'trouble',
	});
	return command.action(async (file: string | undefined, options: { head?: string; format: 'text' | 'json' }) => {
		const verdict = await judge(terminal, exportBytes(terminal, world, command, file), options.head);
		if (verdict.result !== 'intact' && verdict.result !== 'no data') terminal.exit(1);
		if (options.format === 'json') terminal.json(verdict);
		else show(terminal, verdict);
	});
}

function headHash(text: string): string {
	const hash = text.toLowerCase();
	if (!/^[0-9a-f]{64}$/.test(hash)) throw new InvalidArgumentError('It must be 64 hexadecimal digits.');
	return hash;
}

async function judge(
	terminal: Terminal,
	chunks: AsyncIterable<Uint8Array>,
	head: string | undefined,
): Promise<AuditVerdict> {
	const verifier = new AuditVerifier(sha256, head);
	const splitter = new LineSplitter();
	let read = 0;
	try {
		for await (const chunk of chunks) {
			terminal.interrupted.throwIfAborted();
			for (const line of splitter.push(chunk)) verifier.push(line);
			read += chunk.length;
			terminal.progress(`${read} bytes read`);
		}
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		throw new CaissonError('audit-export-malformed', `This is no export of the audit trail: ${error.message}.`);
	}
	const rest = splitter.rest();
	if (rest !== undefined) verifier.push(rest, false);
	terminal.progress('');
	return verifier.verdict();
}

const styles = { intact: 'good', 'no data': 'warn', 'nothing sealed': 'warn', 'coverage lost': 'bad', finding: 'bad' };

function show(terminal: Terminal, verdict: AuditVerdict): void {
	const { result, findings, moreFindings, coverageLost, notChecked, notYetSealed, head, askedHead } = verdict;
	for (const { message } of findings) terminal.print(`${terminal.style('bad', 'finding')}: ${message}`);
	if (moreFindings > 0) terminal.print(`${terminal.style('bad', 'finding')}: and ${moreFindings} more`);
	for (const reason of coverageLost) terminal.print(`${terminal.style('bad', 'coverage lost')}: ${reason}`);
	if (notChecked > 0)
		terminal.print(
			`${terminal.style('bad', 'not checked')}: ${count(notChecked, 'row')} without a seal that can be used`,
		);
	if (notYetSealed.rows > 0) {
		const ids = `${notYetSealed.first} to ${notYetSealed.last}`;
		terminal.print(`${terminal.style('warn', 'not yet sealed')}: ${count(notYetSealed.rows, 'row')} (${ids})`);
	}
	if (head !== undefined) terminal.print(`newest seal: ${head.seal}, through row ${head.through}, head ${head.hash}`);
	if (typeof askedHead === 'object') terminal.print(`head: it is that of seal ${askedHead.seal}`);
	else if (askedHead === 'not checked')
		terminal.print('head: not checked; name one that was kept elsewhere with --head');
	const word = terminal.style(styles[result] as 'good' | 'warn' | 'bad', result);
	terminal.print(`${word}: ${count(verdict.intactRows, 'row')} under ${count(verdict.seals, 'seal')} as sealed`);
}

function count(number: number, noun: string): string {
	return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
