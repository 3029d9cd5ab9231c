// Puts the name of a file before what a reader of its bytes, who does not know the name, found wrong with it.

import { CaissonError } from '../errors.ts';

/**
 * What `work` gives.
 * @throws CaissonError with the code that `work` threw and the file's name before its message, where it stands there not yet;
 * anything else as it was
 */
export async function namingFile<Result>(file: string, work: () => Result | Promise<Result>): Promise<Result> {
	try {
		return await work();
	} catch (cause) {
		if (!(cause instanceof CaissonError) || !ofContent.has(cause.code) || cause.message.includes(file)) throw cause;
		throw new CaissonError(cause.code, `${file}: ${cause.message}`, { cause });
	}
}

/** What readers of bytes say; other errors name what they are about. */
const ofContent: ReadonlySet<string> = new Set([
	'update-malformed',
	'update-specification-invalid',
	'zchunk-malformed',
]);
