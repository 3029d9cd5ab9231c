// What a device reports when it refuses what a repository or a mirror served: a code of a short list, the role, and a
// sentence. The list is what an operator sees of an attack; most of its codes are attacks of the TUF specification's own
// list (clause 1.5.2). It leaves out how the refusal came about: metadata/failure.ts and client/fetcher.ts.

import { type TrustFailure, TrustFailure as TrustFailureClass, type TrustFailureCode } from '../metadata/failure.ts';

/** Every code, with what the device met. `attack` is false where an outage looks the same. */
export const refusalMeanings = {
	'arbitrary-metadata': {
		attack: true,
		meaning: 'Metadata has no valid signature of its role, or is no metadata at all.',
	},
	'below-threshold': { attack: true, meaning: 'Metadata has valid signatures of its role, but too few.' },
	rollback: { attack: true, meaning: 'Metadata is older than what the device has trusted already.' },
	freeze: { attack: true, meaning: 'Metadata has expired.' },
	'mix-and-match': {
		attack: true,
		meaning: 'Metadata is not what the metadata above it lists: version, length or hash.',
	},
	'endless-data': { attack: true, meaning: 'A server sent, or announced, more than the limit or the signed length.' },
	'slow-retrieval': {
		attack: true,
		meaning: 'A server sent slower than the minimum rate, or not within the deadline.',
	},
	'wrong-target': { attack: true, meaning: 'The bytes of a target do not have the signed length and hashes.' },
	'excessive-delegations': { attack: true, meaning: 'The search for a target would visit more roles than the limit.' },
	redirected: { attack: true, meaning: 'A server redirected or encoded what is served as it is.' },
	'unknown-target': { attack: false, meaning: 'No role that is trusted for the name lists the target.' },
	withheld: { attack: false, meaning: 'No mirror has a file that trusted metadata lists, or the timestamp.' },
	unreachable: { attack: false, meaning: 'No mirror could be reached, or each answered with an error.' },
} as const satisfies Record<string, { readonly attack: boolean; readonly meaning: string }>;

export type RefusalCode = keyof typeof refusalMeanings;

/** What one mirror did; only where there was more than one, or the reason lies with the mirror. */
export interface MirrorRefusal {
	/** Base URL as configured. */
	readonly mirror: string;
	readonly code: RefusalCode;
	readonly detail: string;
}

/** A value that an agent sends to its server as it is. It holds no key material and no document. */
export interface Refusal {
	readonly code: RefusalCode;
	/** The role whose metadata was asked for; for a target, the role that lists it where one does. */
	readonly role?: string;
	/** The target that was asked for. */
	readonly target?: string;
	/** One sentence for a person. */
	readonly detail: string;
	/** In the order tried. */
	readonly mirrors?: readonly MirrorRefusal[];
}

const codes: Readonly<Record<TrustFailureCode, RefusalCode>> = {
	'trust-metadata-malformed': 'arbitrary-metadata',
	'trust-signature-threshold': 'below-threshold',
	'trust-rollback': 'rollback',
	'trust-expired': 'freeze',
	'trust-metadata-mismatch': 'mix-and-match',
	'trust-target-unknown': 'unknown-target',
	'trust-target-mismatch': 'wrong-target',
	'trust-delegations-exceeded': 'excessive-delegations',
};

/** The code of a failure of metadata. Too few signatures are another thing than none. */
export function refusalCode(failure: TrustFailure): RefusalCode {
	const { code, detail } = failure;
	if (code === 'trust-signature-threshold' && detail.signed === 0) return 'arbitrary-metadata';
	return codes[code];
}

/** The one that is reported of several mirrors: an attack before an outage, else the first. @throws for an empty list */
export function gravest(failures: readonly MirrorRefusal[]): MirrorRefusal {
	const found = failures.find(({ code }) => refusalMeanings[code].attack) ?? failures[0];
	if (found === undefined) throw new Error('a refusal without a reason');
	return found;
}

/** Ends a refresh or a download. The client catches it and returns the refusal as a value. */
export class Refused extends Error {
	readonly refusal: Refusal;
	constructor(refusal: Refusal, options?: { cause?: unknown }) {
		super(refusal.detail, options);
		this.name = 'Refused';
		this.refusal = Object.freeze(refusal);
	}
}

/** The failure as a refusal of its own; anything else is no refusal. */
export function refusedBy(error: unknown, role?: string): Refused | undefined {
	if (error instanceof Refused) return error;
	if (!(error instanceof TrustFailureClass)) return undefined;
	const named = error.detail.role ?? role;
	return new Refused(
		{
			code: refusalCode(error),
			detail: error.message,
			...(named === undefined ? {} : { role: named }),
			...(error.detail.target === undefined ? {} : { target: error.detail.target }),
		},
		{ cause: error },
	);
}
