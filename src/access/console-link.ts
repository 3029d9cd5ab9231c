// The one-time link by which the first person comes into the console: a file of the data directory, good for one session
// and one hour. It is made with the operator token, on the first start. It decides whether a code is the one; it leaves
// out the session.

import { createHash, timingSafeEqual } from 'node:crypto';
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readPrivateFile, replacePrivateFile } from './private-file.ts';

export const consoleLinkFile = 'first-admin-link';
const goodFor = 3_600_000;

/** The code stands in the fragment of the link, which browsers send to no server and no log. */
const codeIn = /#code=([\w-]{40,})\s*$/;

export class ConsoleLink {
	readonly #path: string;
	readonly #now: () => number;
	#digest: Buffer | undefined;
	#until = 0;

	/** Takes up the link of a start before this one, where it is still good; removes one that is not. */
	constructor(dataDirectory: string, now: () => number) {
		this.#path = join(dataDirectory, consoleLinkFile);
		this.#now = now;
		if (!existsSync(this.#path)) return;
		const code = codeIn.exec(readPrivateFile(this.#path) ?? '')?.[1];
		this.#until = statSync(this.#path).mtimeMs + goodFor;
		if (code === undefined || now() >= this.#until) this.#end();
		else this.#digest = digest(code);
	}

	/**
	 * Writes a new link.
	 * @param address of the console, without a fragment
	 * @throws the system's error
	 */
	write(address: string, random: (bytes: number) => Buffer): void {
		const code = random(32).toString('base64url');
		replacePrivateFile(this.#path, `${address}#code=${code}\n`);
		this.#digest = digest(code);
		this.#until = this.#now() + goodFor;
	}

	/** @returns whether the code is that of the link; then it is used up, and the file gone */
	redeem(code: string): boolean {
		if (this.#digest === undefined) return false;
		if (this.#now() >= this.#until) {
			this.#end();
			return false;
		}
		// Digests have one length, so the comparison takes the same time wherever they differ.
		if (!timingSafeEqual(digest(code), this.#digest)) return false;
		this.#end();
		return true;
	}

	#end(): void {
		this.#digest = undefined;
		rmSync(this.#path, { force: true });
	}
}

function digest(text: string): Buffer {
	return createHash('sha256').update(text).digest();
}
