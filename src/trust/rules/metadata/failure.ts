// How trust metadata fails: one error with a code of the catalogue and a detail that a machine can read, so that a device
// can report what it met. It leaves out what is done about a failure: a client stops, a repository refuses.

import { CaissonError } from '../../../errors.ts';

/** The codes that metadata and targets fail with; those that name an attack are reported by devices under this name. */
export type TrustFailureCode =
	| 'trust-metadata-malformed'
	| 'trust-signature-threshold'
	| 'trust-rollback'
	| 'trust-expired'
	| 'trust-metadata-mismatch'
	| 'trust-target-unknown'
	| 'trust-target-mismatch'
	| 'trust-delegations-exceeded';

/** Plain values; a field is absent where it says nothing. No key material, no document. */
export interface FailureDetail {
	/** The role whose metadata failed; for a target, the role that lists it. */
	readonly role?: string;
	/** The path of the target that was looked for. */
	readonly target?: string;
	/** The version that was trusted, or that the metadata above demands. */
	readonly expectedVersion?: number;
	/** The version that was offered. */
	readonly offeredVersion?: number;
	/** The file whose version in a snapshot or timestamp went down or vanished. */
	readonly file?: string;
	/** When the metadata expired, as it says itself. */
	readonly expires?: string;
	/** How many distinct keys signed, and how many must. */
	readonly signed?: number;
	readonly threshold?: number;
}

/** A CaissonError of trust, with its detail. */
export class TrustFailure extends CaissonError {
	declare readonly code: TrustFailureCode;
	readonly detail: FailureDetail;
	constructor(code: TrustFailureCode, message: string, detail: FailureDetail = {}, options?: { cause?: unknown }) {
		super(code, message, options);
		this.name = 'TrustFailure';
		this.detail = Object.freeze({ ...detail });
	}
}

/** Text of a document made fit for a message: cut short, control characters and lone surrogates escaped. */
export function quoted(text: string): string {
	const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
	return JSON.stringify(short).replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (c) => {
		return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
	});
}
