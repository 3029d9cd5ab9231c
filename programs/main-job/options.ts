// The words that may follow `npm start --`, and what they mean. Pure.

import { parseArgs } from 'node:util';
import { CaissonError } from '../../src/errors.ts';

export interface MainJobOptions {
	/** End when the installed bytes were compared. */
	readonly once: boolean;
	readonly help: boolean;
	/** The data directory; undefined: ./data, or with --once a temporary one. */
	readonly data: string | undefined;
	/** The Debian package to install. */
	readonly package: string;
	/** Suite of the device's root. */
	readonly suite: string;
	/** auto: real where it can run. */
	readonly device: 'auto' | 'real' | 'fake';
}

export const mainJobHelp = `Usage: npm start [-- <options>]

Shows Caisson at work on this machine: starts a server, packs and signs the
files of a Debian package, lets a real SWUpdate device install them, compares
every byte, and keeps serving until Ctrl-C.

Options:
  --once            end after the comparison; nothing is left behind
  --data <dir>      data directory (default: ./data; with --once a temporary
                    one)
  --package <name>  the Debian package (default: hello)
  --suite <suite>   Debian suite of the device (default: trixie)
  --device <which>  real (needs root), fake, or auto (default)
  --help            show this help

Exit codes:
  0    the device holds the package's bytes
  1    it does not
  2    trouble: network, disk, a missing program
  130  Ctrl-C before the comparison
`;

/** @throws CaissonError usage-wrong */
export function readOptions(words: readonly string[]): MainJobOptions {
	const options = {
		once: { type: 'boolean', default: false },
		help: { type: 'boolean', short: 'h', default: false },
		data: { type: 'string' },
		package: { type: 'string', default: 'hello' },
		suite: { type: 'string', default: 'trixie' },
		device: { type: 'string', default: 'auto' },
	} as const;
	let values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];
	try {
		values = parseArgs({ args: [...words], options, strict: true }).values;
	} catch (cause) {
		throw new CaissonError('usage-wrong', `${(cause as Error).message}. See npm start -- --help.`, { cause });
	}
	const { device } = values;
	if (device !== 'auto' && device !== 'real' && device !== 'fake') {
		throw new CaissonError('usage-wrong', `--device ${device}: choose real, fake or auto.`);
	}
	return { ...values, device, data: values.data };
}
