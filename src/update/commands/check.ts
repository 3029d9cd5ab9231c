// `caisson update check`: says beforehand what SWUpdate would do with a .swu on a device that a profile describes. The
// facts are found in ../check, the verdict is made in ../rules.

import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { readInput } from '../../terminal/input-file.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { checkUpdate } from '../check/check-update.ts';
import { namingFile } from '../naming-file.ts';
import { parseDeviceProfile } from '../rules/device-profile.ts';
import { sampleProfile } from '../rules/device-profile-sample.ts';
import { stageWords } from '../rules/preflight.ts';
import type { Stage, Verdict } from '../rules/preflight-facts.ts';
import type { Keys } from '../signer.ts';

interface Options {
	readonly device?: string;
	readonly sampleProfile?: true;
	readonly format: 'text' | 'json';
}

const largestProfile = 1 << 20;

export function checkCommand(terminal: Terminal, keys: Keys): Command {
	const command = new Command('check')
		.summary('say what SWUpdate would do with a .swu on a device')
		.description(
			'Predict what SWUpdate does with FILE on the device that PROFILE describes: it installs, it refuses (at which stage, and why), ' +
				'or it reports success although the device does not hold what was meant. Nothing is installed; no network is needed.',
		)
		.argument('[file]', 'the .swu')
		.option('--device <profile>', 'the device profile, YAML or JSON; files in it are relative to it')
		.option('--sample-profile', 'print a device profile with every key, and stop')
		.action(async (file: string | undefined, options: Options) => {
			if (options.sampleProfile === true) terminal.write(sampleProfile);
			else await check(terminal, keys, file, options);
		});
	withFormat(command);
	withExamples(command, [
		['caisson update check --sample-profile > device.yaml', 'Start a device profile'],
		['caisson update check update.swu --device device.yaml', 'Say what the device would do'],
	]);
	return withExitCodes(command, {
		0: 'it installs, as far as that can be told',
		1: 'refused; or success would be reported falsely; or a wrong profile',
		2: 'trouble: a file cannot be read',
	});
}

async function check(terminal: Terminal, keys: Keys, file: string | undefined, options: Options): Promise<void> {
	const { device } = options;
	if (file === undefined || device === undefined) {
		throw new CaissonError(
			'usage-wrong',
			'Name the .swu, and the device profile with --device (see --sample-profile).',
		);
	}
	const text = await readInput(terminal, device, largestProfile);
	const profile = await namingFile(device, () => parseDeviceProfile(text));
	const base = device === '-' ? '.' : dirname(device);
	try {
		const verdict = await checkUpdate({
			file,
			profile,
			localFile: (name) => resolve(base, name),
			keys,
			now: Date.now(),
			options: {
				signal: terminal.interrupted,
				progress: (member, bytes, total) =>
					terminal.progress(`Reading ${member}: ${bytesText(bytes)} of ${bytesText(total)}`),
			},
		});
		terminal.progress('');
		if (verdict.verdict !== 'installs') terminal.exit(1);
		if (options.format === 'json') terminal.json({ file, device, ...verdict });
		else show(terminal, file, verdict);
	} finally {
		terminal.progress('');
	}
}

const marks: Readonly<Record<Stage['state'], readonly [mark: string, style: 'good' | 'bad' | 'warn' | 'dim']>> = {
	passed: ['✔', 'good'],
	failed: ['✖', 'bad'],
	'false success': ['✖', 'bad'],
	unknown: ['?', 'warn'],
	'not reached': ['-', 'dim'],
};

function show(terminal: Terminal, file: string, verdict: Verdict): void {
	const width = Math.max(...verdict.stages.map(({ name }) => name.length));
	for (const { name, state, reason } of verdict.stages) {
		const [mark, style] = marks[state];
		const words = reason ?? (state === 'not reached' ? 'not reached' : stageWords[name]);
		terminal.print(`${terminal.style(style, mark)} ${name.padEnd(width)}  ${words}`);
	}
	for (const each of verdict.notChecked)
		terminal.print(`${terminal.style('warn', '?')} ${'not checked'.padEnd(width)}  ${each}`);
	terminal.print('');
	terminal.print(conclusion(file, verdict));
	if (verdict.verdict === 'false success') {
		terminal.note(
			'A readback script in the update makes the device notice: caisson update pack adds it to deltas by itself.',
		);
	}
}

function conclusion(file: string, { verdict, stage, stages }: Verdict): string {
	if (verdict === 'installs') return `SWUpdate would install ${file}.`;
	if (verdict === 'refused') {
		const source = stages.find(({ name }) => name === stage)?.source;
		return `SWUpdate would refuse ${file} at the stage ${stage} (${source}).`;
	}
	return `SWUpdate would report success for ${file}, and the device would not hold what was meant.`;
}
