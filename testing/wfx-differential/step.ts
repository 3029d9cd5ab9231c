// What a step of the recorded script is. A script is data: chapters of named steps, each one HTTP request or one action
// on an event stream. It leaves out sending (send.ts), what of an answer is compared (normalise.ts) and the steps (script/).

/** One request, written as `PORT METHOD TARGET`, or one action on a named event stream. */
export type Step = {
	/** Unique in its chapter; recordings and accepted differences are keyed by it. */
	readonly name: string;
	/**
	 * `north GET jobs?limit=1`. A target without a leading slash lies under `/api/wfx/v1/`; `<name>` is replaced with the
	 * value that an earlier step kept under that name.
	 */
	readonly send: string;
	/** The body, sent as JSON text. `<name>` is replaced as in the target. */
	readonly json?: unknown;
	/** The body as exact text (UTF-8) or exact bytes; wins over `json`. */
	readonly text?: string | Uint8Array;
	/** Content-Type of a body; `application/json` unless given, none at all when null. */
	readonly type?: string | null;
	/** Further header lines. A value is sent as UTF-8. */
	readonly headers?: Readonly<Record<string, string | readonly string[]>>;
	/** Send the body in chunks instead of with a Content-Length. */
	readonly chunked?: boolean;
	/** Values to keep: name → path in the JSON answer, such as `id` or `content.0.id`. */
	readonly keep?: Readonly<Record<string, string>>;
	/** Paths in the JSON answer whose value is of no interest, only its presence and type. */
	readonly mask?: readonly string[];
	/** Compare only these paths of the JSON answer; a path ending in `.*` compares the keys below it. */
	readonly pick?: readonly string[];
	/** Compare headers that matter only where files are served. */
	readonly file?: boolean;
	/**
	 * `open NAME`: the request opens an event stream that stays open; its status and headers are compared.
	 * `read NAME`: nothing is sent; the events that came since the stream was opened are compared, and it is closed.
	 */
	readonly events?: string;
};

export type Chapter = {
	readonly name: string;
	/** One sentence: what this chapter is about. */
	readonly about: string;
	/** True when the servers must serve the sample files (sample-files.ts) under /download. */
	readonly needsFiles?: boolean;
	readonly steps: readonly Step[];
};

/** What a server answered, as it came. */
export type RawAnswer = {
	readonly status: number;
	/** Lower-case names; repeated lines joined with ", ". */
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Uint8Array;
};

/** What is compared: see normalise.ts. */
export type Answer = {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;
	/** A JSON body, its keys sorted. */
	readonly json?: unknown;
	/** Any other body. */
	readonly text?: string;
	/** Several JSON values, one a line (response filters), or the events of a stream. */
	readonly lines?: readonly unknown[];
};

/** The answers of one chapter by step name, in the order of the script. */
export type ChapterAnswers = ReadonlyMap<string, Answer>;
