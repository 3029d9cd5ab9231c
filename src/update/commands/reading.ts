// What the commands that read a whole .swu share: progress while it is read, Ctrl-C, and the file's name in what is wrong.

import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { namingFile } from '../naming-file.ts';
import type { ReadOptions } from '../read.ts';

/** What `work` makes of the .swu `file`; progress is shown on the terminal meanwhile, and gone afterwards. */
export async function readingUpdate<Result>(
	terminal: Terminal,
	file: string,
	work: (options: ReadOptions) => Promise<Result>,
): Promise<Result> {
	const options: ReadOptions = {
		signal: terminal.interrupted,
		progress: (member, bytes, total) =>
			terminal.progress(`Reading ${member}: ${bytesText(bytes)} of ${bytesText(total)}`),
	};
	try {
		return await namingFile(file, () => work(options));
	} finally {
		terminal.progress('');
	}
}
