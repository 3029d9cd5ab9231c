// The servers that hold the same repository, asked in order: what one does not have, spoils or delays is fetched from the
// next. What counts as good is decided by the caller's `accept`, inside the loop, so a mirror that serves bad metadata is
// passed over like one that is down. It leaves out one transfer (fetcher.ts).

import { CaissonError } from '../../errors.ts';
import { gravest, type MirrorRefusal, Refused, refusedBy } from '../rules/client/refusal.ts';
import { type Ask, type Fetcher, FetchFailure } from './fetcher.ts';

/** What is asked for, for the report. */
export interface Subject {
	readonly role?: string;
	readonly target?: string;
}

interface Mirror {
	readonly base: URL;
	/** As configured. */
	readonly name: string;
}

/** At least one base URL. A mirror that failed is asked last for the rest of this object's life. */
export class Mirrors {
	readonly #fetcher: Fetcher;
	#order: readonly Mirror[];

	/** @throws CaissonError configuration-invalid for what is no http or https URL, or holds a user name, query or fragment */
	constructor(fetcher: Fetcher, bases: readonly string[]) {
		this.#fetcher = fetcher;
		this.#order = bases.map((name) => ({ name, base: baseUrl(name) }));
		if (bases.length === 0) throw new CaissonError('configuration-invalid', 'no URL of a repository was given');
	}

	/**
	 * The file below each base in turn, until `accept` returns.
	 * @param path relative to the base, encoded (metadataFileName, targetPath)
	 * @throws Refused with the reason of each mirror
	 */
	async bytes<T>(path: string, ask: Ask, subject: Subject, accept: (bytes: Uint8Array) => T): Promise<T> {
		return this.each(path, subject, async (url) => accept(await this.#fetcher.bytes(url, ask)));
	}

	/** Lets `attempt` try the file of each mirror in turn. What is neither a FetchFailure nor a refusal is passed on. */
	async each<T>(path: string, subject: Subject, attempt: (url: URL) => Promise<T>): Promise<T> {
		const refusals: MirrorRefusal[] = [];
		let first: unknown;
		for (const mirror of [...this.#order]) {
			try {
				return await attempt(new URL(`./${path}`, mirror.base));
			} catch (error) {
				const refusal = mirrorRefusal(mirror.name, error);
				if (refusal === undefined) throw error;
				refusals.push(refusal);
				first ??= error;
				if (!isAbsent(error)) this.#demote(mirror);
			}
		}
		const { code, detail } = gravest(refusals);
		const what = subject.target === undefined ? path : `target ${JSON.stringify(subject.target)}`;
		throw new Refused({ code, ...subject, detail: `${what}: ${detail}`, mirrors: refusals }, { cause: first });
	}

	#demote(mirror: Mirror): void {
		this.#order = [...this.#order.filter((other) => other !== mirror), mirror];
	}
}

/**
 * Whether a mirror said that there is no such file, and none had a good one. For a next root that is an answer (clause
 * 5.3.3): a mirror that serves rubbish beside an honest one cannot stop the update.
 */
export function nobodyHas(error: unknown): boolean {
	return error instanceof Refused && (error.refusal.mirrors ?? []).some(({ code }) => code === 'withheld');
}

function isAbsent(error: unknown): boolean {
	return error instanceof FetchFailure && error.reason === 'absent';
}

function mirrorRefusal(mirror: string, error: unknown): MirrorRefusal | undefined {
	if (error instanceof FetchFailure) return { mirror, code: error.code, detail: error.message };
	const refused = refusedBy(error);
	return refused && { mirror, code: refused.refusal.code, detail: refused.refusal.detail };
}

function baseUrl(text: string): URL {
	const url = parsed(text);
	if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
		throw new CaissonError('configuration-invalid', 'the URL of a repository must be a plain http or https URL');
	}
	if (url.username !== '' || url.password !== '') {
		throw new CaissonError('configuration-invalid', 'the URL of a repository must not hold a user name or password');
	}
	if (!url.pathname.endsWith('/')) url.pathname += '/';
	return url;
}

function parsed(text: string): URL | undefined {
	try {
		return new URL(text);
	} catch {
		return undefined;
	}
}
