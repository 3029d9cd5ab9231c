// What a command sees of the terminal, so that commands can be run in tests without one. Plumbing for all nouns'
// commands.ts; it knows no noun. stdout carries results only; notes for people go to stderr.

import type { ApiClient, ApiTarget } from './api-client.ts';

export interface Column<Row> {
	readonly title: string;
	readonly value: (row: Row) => string;
	/** Numbers are right-aligned. */
	readonly align?: 'left' | 'right';
}

export interface Terminal {
	/** A line of the result, to stdout; control characters from outside are shown, not obeyed. */
	print(line: string): void;
	/** Bytes of the result as they are, to stdout. */
	write(bytes: Uint8Array | string): void;
	/** A line for the person (progress, the next useful command), to stderr; silent with --quiet. */
	note(line: string): void;
	/** Rewrites the last line on a terminal; elsewhere prints nothing. For progress. */
	progress(line: string): void;
	/** Aligned columns with a header; nothing but the header for no rows. */
	table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void;
	/** The value as indented JSON, to stdout. */
	json(value: unknown): void;
	/** Marks `text` where stdout is a terminal that shows colour; elsewhere returns it as it is. */
	style(style: 'good' | 'warn' | 'bad' | 'dim' | 'bold', text: string): string;
	/** All of stdin as text. @throws CaissonError request-too-large above 64 MiB */
	stdin(): Promise<string>;
	/** Asks the person and returns the line typed; undefined where nobody can answer (stdin is no terminal). */
	ask(question: string): Promise<string | undefined>;
	/** Aborted by Ctrl-C; a second Ctrl-C ends the process. */
	readonly interrupted: AbortSignal;
	/** 1: the command did its work and found something, or refused (see design: exit codes). 0 is the default. */
	exit(code: 0 | 1): void;
	readonly environment: Readonly<Record<string, string | undefined>>;
	/**
	 * Talks to the server that --server, CAISSON_SERVER or the local data directory names: northbound with its token
	 * unless `target` says otherwise. Requests end when `interrupted` aborts.
	 * @throws CaissonError configuration-invalid, usage-wrong or file-unusable where address, token or CA cannot be used
	 */
	api(target?: ApiTarget): Promise<ApiClient>;
}
