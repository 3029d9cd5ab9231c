// Reads an event stream from its first event on until a test has seen enough. It checks nothing itself.

import { readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Ask } from './server.ts';

/** All events held and those that come, as text, until `enough`; rejects where the stream ends before. */
export function subscribe(
	url: string,
	{ headers, identity, ca }: Ask,
	enough: (text: string) => boolean,
): Promise<string> {
	const send = url.startsWith('https:') ? tlsRequest : plainRequest;
	const options = {
		agent: false as const,
		headers: { ...headers, 'last-event-id': '0' } as Record<string, string>,
		...(identity && { cert: readFileSync(identity.certificate), key: readFileSync(identity.key) }),
		...(ca !== undefined && { ca: readFileSync(ca) }),
	};
	return new Promise((resolve, reject) => {
		const asking = send(url, options, (answer) => {
			let text = '';
			answer.setEncoding('utf8').on('data', (chunk: string) => {
				text += chunk;
				if (!enough(text)) return;
				resolve(text);
				asking.destroy();
			});
			answer.on('error', reject);
			answer.on('end', () => reject(new Error(`the stream ended: ${text}`)));
		});
		asking.on('error', reject);
		asking.end();
	});
}
