// What an independent TUF client is asked and answers, so that a test can put the same repository before several. An
// oracle starts from a trusted root and a folder of its own, refreshes over HTTP, and downloads the targets named.

export interface OracleRequest {
	/** Where `timestamp.json` lies. */
	readonly metadataUrl: string;
	readonly targetUrl: string;
	/** Bytes of the root that the client was given at the start; used where `folder` holds no metadata yet. */
	readonly root: Uint8Array;
	/** Names of targets to find and download after the refresh. Default: none. */
	readonly targets?: readonly string[];
	/** The client's state, kept from one call to the next. Default: a temporary folder, deleted afterwards. */
	readonly folder?: string;
}

export interface OracleAnswer {
	/** True where the refresh and every download ended without an error. A target that no role names is no error. */
	readonly accepted: boolean;
	/** Class and message of the error that stopped it. */
	readonly error: { readonly kind: string; readonly message: string } | null;
	/** The version of each metadata file that the client holds at the end, by role. */
	readonly versions: Readonly<Record<string, number>>;
	/** SHA-256 of each downloaded target; null where no role names it. */
	readonly targets: Readonly<Record<string, string | null>>;
	/** CPU of refresh and downloads, without the start of the program. */
	readonly cpuSeconds: number;
}

/** Never rejects for what the repository holds: a refusal is an answer. Rejects where the client cannot be run. */
export type Oracle = (request: OracleRequest) => Promise<OracleAnswer>;
