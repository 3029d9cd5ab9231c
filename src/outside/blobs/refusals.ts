// The two ways in which an upload is refused, in one wording for every blob store.

import { CaissonError } from '../../errors.ts';

/** More bytes than an artifact may have. */
export function tooLarge(maximum: number): CaissonError {
	return new CaissonError('request-too-large', `the artifact has more than ${maximum} bytes (--max-artifact-size)`);
}

/** The bytes that came are not those that were announced. */
export function mismatch(announced: string, found: string): CaissonError {
	return new CaissonError(
		'digest-mismatch',
		`the bytes have the SHA-256 ${found}, not ${announced}; they were discarded`,
	);
}
