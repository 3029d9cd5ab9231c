// What the artifact commands share when they talk to a server: paths, checked answers, digests as words of a command
// line, the address that devices use, progress.

import { type Command, InvalidArgumentError } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { isDigest } from '../rules.ts';

export const artifactsPath = '/api/caisson/v1/artifacts';

/** The address of an artifact's facts, and of its upload. */
export function factsPath(digest: string): string {
	return `${artifactsPath}/sha256/${digest}`;
}

/** What the server says about an artifact (spec/caisson.openapi.yaml, Artifact). */
export interface ArtifactWire {
	readonly digest: string;
	/** Bytes. */
	readonly size: number;
	readonly stored: string;
	/** Of the bytes, below the root of either port. */
	readonly path: string;
}

export interface ArtifactPageWire {
	readonly artifacts: readonly ArtifactWire[];
	readonly next?: string;
}

function isArtifact(value: unknown): value is ArtifactWire {
	const { digest, size, stored, path } = (value ?? {}) as Partial<ArtifactWire>;
	const texts = [digest, stored, path].every((text) => typeof text === 'string');
	return texts && isDigest(digest ?? '') && Number.isSafeInteger(size);
}

function unexpected(api: ApiClient, what: string): CaissonError {
	return new CaissonError('server-unreachable', `${api.address} answered with something that is not ${what}.`);
}

/** @throws CaissonError server-unreachable where the answer is no artifact */
export function asArtifact(api: ApiClient, body: unknown): ArtifactWire {
	if (isArtifact(body)) return body;
	throw unexpected(api, 'an artifact');
}

/** @throws CaissonError server-unreachable where the answer is no page of artifacts */
export function asArtifactPage(api: ApiClient, body: unknown): ArtifactPageWire {
	const page = body as Partial<ArtifactPageWire> | undefined;
	if (Array.isArray(page?.artifacts) && page.artifacts.every(isArtifact)) return page as ArtifactPageWire;
	throw unexpected(api, 'a page of artifacts');
}

/** @throws CaissonError artifact-not-found, and what requests throw */
export async function fetchFacts(api: ApiClient, digest: string): Promise<ArtifactWire> {
	return asArtifact(api, (await api.request('GET', factsPath(digest))).body);
}

/** Every artifact above `after`, page by page. */
export async function* everyArtifact(api: ApiClient, after?: string): AsyncGenerator<ArtifactWire> {
	for (let from = after; ; ) {
		const query = { limit: 1000, after: from };
		const { artifacts, next } = asArtifactPage(api, (await api.request('GET', artifactsPath, { query })).body);
		yield* artifacts;
		if (next === undefined) return;
		from = next;
	}
}

/** Reads a digest as people write it: 64 hexadecimal digits, in either case, with or without `sha256:` before them. */
export function digestWord(text: string): string {
	const digest = text.replace(/^sha256:/i, '').toLowerCase();
	if (!isDigest(digest)) throw new InvalidArgumentError('A digest is a SHA-256: 64 hexadecimal digits.');
	return digest;
}

/** The same for several, each once. */
export function digestWords(text: string, before: readonly string[] | undefined): string[] {
	return [...new Set([...(before ?? []), digestWord(text)])];
}

/** Adds `--southbound`. */
export function withSouthbound(command: Command): Command {
	return command.option(
		'--southbound <url>',
		'address of the devices’ port, as devices reach it (default: the local server’s, or the one that goes with --server)',
	);
}

/**
 * The address that devices use, without a slash at its end.
 * @throws CaissonError usage-wrong where it is not known, or is one that no URL can name
 */
export async function southboundAddress(terminal: Terminal, southbound: string | undefined): Promise<string> {
	const { address } = await terminal.api({ port: 'southbound', address: southbound });
	if (!address.startsWith('unix:')) return address;
	const message = `The southbound port is ${address}, for which there is no URL; name the address that devices use with --southbound.`;
	throw new CaissonError('usage-wrong', message);
}

/** Says so where nobody named the southbound address and only this machine reaches it. */
export function noteOnlyHere(terminal: Terminal, address: string, southbound: string | undefined): void {
	if (southbound !== undefined || terminal.environment.CAISSON_SOUTHBOUND) return;
	if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(address).hostname)) return;
	terminal.note(
		`Only this machine reaches ${address}. For devices elsewhere, name the address that they use with --southbound.`,
	);
}

/** Shows how far something is, as often as the words change. @param total bytes */
export function progressOf(terminal: Terminal, doing: string, total: number): (done: number) => void {
	let shown = '';
	return (done) => {
		const percent = total === 0 ? 100 : Math.min(100, Math.floor((100 * done) / total));
		const text = `${doing}: ${percent} % of ${bytesText(total)}`;
		if (text !== shown) terminal.progress(text);
		shown = text;
	};
}
