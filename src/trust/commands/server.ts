// What the trust commands share when they talk to a server: paths, the forms of its answers, files that are sent whole, and
// how an outcome is told.

import { CaissonError } from '../../errors.ts';
import type { ApiAnswer, ApiClient, ApiRequest } from '../../terminal/api-client.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Published } from '../publisher.ts';
import type { Offered } from '../repository/offer.ts';

export const trustPath = '/api/caisson/v1/trust';

/** The path of a role's document, or of the one that waits for signatures. */
export function rolePath(kind: 'documents' | 'pending', role: string): string {
	return `${trustPath}/${kind}/${encodeURIComponent(role)}`;
}

/** The answer as an object with `field`. @throws CaissonError server-unreachable where it is none */
export async function askServer<Wire extends object>(
	api: ApiClient,
	method: 'GET' | 'POST' | 'PUT' | 'DELETE',
	path: string,
	field: keyof Wire & string,
	request: ApiRequest = {},
): Promise<Wire> {
	const { body }: ApiAnswer = await api.request(method, path, request);
	if (typeof body === 'object' && body !== null && field in body) return body as Wire;
	throw new CaissonError('server-unreachable', `${api.address} answered with something that has no ${field}.`);
}

/** Bytes as the body of a request. */
export function wholeContent(bytes: Uint8Array): Pick<ApiRequest, 'content'> {
	async function* chunks() {
		yield bytes;
	}
	return { content: { length: bytes.length, chunks: chunks() } };
}

/** Says what a publication made; null: nothing was to be done. */
export function tellPublished(terminal: Terminal, published: Published | null | undefined): void {
	if (published === undefined) return;
	if (published === null) terminal.note('There was nothing to publish.');
	else {
		const { timestamp, snapshot, roles } = published;
		terminal.note(`Published: timestamp ${timestamp}, snapshot ${snapshot}, ${roles.length} more documents.`);
	}
}

/** Says what became of an offered document or signature. */
export function tellOffered(terminal: Terminal, { committed, waiting, published, unpublished }: Offered): void {
	for (const role of committed) terminal.print(`${role}: committed`);
	for (const { role, version, checks, reason } of waiting) {
		for (const { by, missing, unsigned } of checks) {
			if (missing > 0) terminal.print(`${role} ${version}: by ${by}, ${missing} more of ${unsigned.join(', ')}`);
		}
		if (reason !== undefined) terminal.print(`${role} ${version}: ${reason}`);
	}
	tellPublished(terminal, published);
	if (unpublished !== undefined) terminal.note(`It is not served yet; the server tries again: ${unpublished}`);
	if (waiting.length > 0) terminal.note('Next: caisson trust pending get ROLE, and caisson trust sign it.');
}
