// Puts nouns, stores and HTTP plumbing together into the two request handlers of a server, south and north. It opens
// no socket and reads no configuration (server.ts does), so tests run the very thing that is served.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Storage } from '../src/storage/store.ts';

export interface ApplicationParts {
	readonly storage: Storage;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
	/** A new unique id for a job: UUIDv4. */
	readonly newId: () => string;
	readonly log: Logger;
	/** Schema and internal errors as application/problem+json instead of wfx's text. */
	readonly strict: boolean;
	/** The token that northbound requests must carry; 'none' gives plain wfx behaviour. */
	readonly operatorToken: string | 'none';
	/** Folder served under /download/; undefined answers 404 as wfx does. */
	readonly downloads: (() => string | undefined) | undefined;
	/** Largest request body in bytes. */
	readonly maxBodySize: number;
	readonly ssePingInterval: number;
	readonly sseGraceInterval: number;
}

export interface Application {
	readonly southbound: (request: IncomingMessage, response: ServerResponse) => void;
	readonly northbound: (request: IncomingMessage, response: ServerResponse) => void;
	/** Ends event streams and writes what is still folded in memory; the storage stays open. Ready for shutdown after. */
	drain(): Promise<void>;
}
