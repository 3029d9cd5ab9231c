// Every way in which Caisson refuses or fails: a class, a stable code, a cause. The codes are a promise (scripts and
// support tickets hold them): a code is never renamed or reused. One list maps a code to its HTTP status and exit
// code; docs/errors.md is written from it (a test compares). It leaves out how an error is printed or sent: see
// web/problem.ts and programs/cli.ts.

/** What a code stands for. `exit`: 1 a finding or a refusal, 2 trouble (wrong use, network, disk, a peer). */
export interface ErrorMeaning {
	readonly http: number;
	readonly exit: 1 | 2;
	/** One sentence: when this happens. */
	readonly when: string;
	/** One sentence: what the reader can do. */
	readonly remedy: string;
}

export const errorCatalogue = {
	// requests
	'request-invalid': {
		http: 400,
		exit: 2,
		when: 'A request or an input breaks the schema of its API or format.',
		remedy: 'Read the message: it names the field and the rule.',
	},
	'request-too-large': {
		http: 413,
		exit: 2,
		when: 'A request body is larger than the server accepts.',
		remedy: 'Send less, or raise --max-body-size (for an artifact: --max-artifact-size).',
	},
	'precondition-failed': {
		http: 412,
		exit: 1,
		when: 'If-Match names a version of the job that is no longer current.',
		remedy: 'Read the job again and decide anew.',
	},
	'not-authenticated': {
		http: 401,
		exit: 2,
		when: 'A port that asks for a credential was asked without a valid one.',
		remedy:
			'Northbound: pass --token-file, or run as the user who owns the data directory. Southbound: give the device a certificate or a token.',
	},
	forbidden: {
		http: 403,
		exit: 1,
		when: 'The port or the identity may not do this.',
		remedy: 'Use the northbound port, or an identity with the role that the action needs.',
	},
	'too-many-requests': {
		http: 429,
		exit: 2,
		when: 'A caller asks more often than --southbound-rate or --northbound-rate allows.',
		remedy: 'Wait as long as Retry-After says, or raise the limit.',
	},
	'decision-unavailable': {
		http: 503,
		exit: 2,
		when: 'The service named by --decision-hook gave no usable answer in time, so the request was not let through.',
		remedy: 'Read the message and look after that service; --decision-timeout says how long it has.',
	},
	'token-not-found': {
		http: 404,
		exit: 1,
		when: 'No token has this id, or the request has no session.',
		remedy: 'List them with `caisson access token list` and `caisson access device-token list`.',
	},
	// workflows
	'workflow-invalid': {
		http: 400,
		exit: 1,
		when: 'A workflow breaks a rule of the workflow model.',
		remedy: 'Run `caisson workflow validate FILE`: it needs no server.',
	},
	'workflow-not-found': {
		http: 404,
		exit: 1,
		when: 'No workflow has this name.',
		remedy: 'List them with `caisson workflow query`.',
	},
	'workflow-exists': {
		http: 400,
		exit: 1,
		when: 'A workflow with this name exists already; workflows are never changed in place.',
		remedy: 'Choose another name (a version in the name is usual), or delete the old one first.',
	},
	'workflow-in-use': {
		http: 409,
		exit: 1,
		when: 'The workflow cannot be deleted while jobs refer to it.',
		remedy: 'Delete its jobs first, or keep it.',
	},
	// jobs
	'job-not-found': {
		http: 404,
		exit: 1,
		when: 'No job has this id.',
		remedy: 'List jobs with `caisson job query`.',
	},
	'transition-refused': {
		http: 400,
		exit: 1,
		when: 'The workflow has no such transition, or not for this actor.',
		remedy: 'Read the job’s workflow: `caisson workflow show NAME`.',
	},
	'event-filter-invalid': {
		http: 400,
		exit: 2,
		when: 'A subscription names an unknown action, or a Last-Event-ID that is no event id.',
		remedy: 'Actions are CREATE, DELETE, ADD_TAGS, DELETE_TAGS, UPDATE_STATUS and UPDATE_DEFINITION.',
	},
	'filter-failed': {
		http: 500,
		exit: 1,
		when: 'A jq response filter is malformed, fails, takes too long or needs too much memory.',
		remedy: 'Try the filter with jq on the unfiltered answer.',
	},
	// trust
	'trust-not-bootstrapped': {
		http: 409,
		exit: 1,
		when: 'The repository of trust has no root yet, so nothing can be published.',
		remedy: 'Hold a ceremony (`caisson trust ceremony`) and bring its root and targets to the server.',
	},
	'trust-role-unknown': {
		http: 404,
		exit: 1,
		when: 'No role of this name is delegated to, or it is not one that people sign.',
		remedy: 'Look at the roles: `caisson trust status`.',
	},
	'trust-role-refused': {
		http: 400,
		exit: 1,
		when: 'The keys and thresholds of an offered document break a rule: the message names it.',
		remedy: 'Hold the ceremony again with other keys or thresholds.',
	},
	'trust-version-refused': {
		http: 409,
		exit: 1,
		when: 'An offered document is not the next version of its role.',
		remedy: 'Prepare it anew from the last one: `caisson trust status` shows the versions.',
	},
	'trust-signature-refused': {
		http: 400,
		exit: 1,
		when: 'A signature is by a key that the role does not name, or does not verify.',
		remedy: 'Sign the document that waits with a key of the role: `caisson trust status` names both.',
	},
	'trust-plan-invalid': {
		http: 400,
		exit: 2,
		when: 'The plan of a ceremony is no YAML, or says what no plan may say.',
		remedy: 'Read the message: it names the line and the field. docs/ceremony.md shows a whole plan.',
	},
	'trust-pending-exists': {
		http: 409,
		exit: 1,
		when: 'Signatures for another document of this role are being collected.',
		remedy: 'Finish it, or give it up with `caisson trust abort ROLE`.',
	},
	'trust-pending-unknown': {
		http: 404,
		exit: 1,
		when: 'No signatures are being collected for this role.',
		remedy: 'Look at what waits: `caisson trust status`.',
	},
	'trust-target-unowned': {
		http: 400,
		exit: 1,
		when: 'No role of the repository may sign a target of this path.',
		remedy: 'Choose a path that a delegation names, or delegate to a role for it.',
	},
	'trust-import-refused': {
		http: 409,
		exit: 1,
		when: 'A repository cannot be taken over as it is; nothing was stored.',
		remedy: 'Read the message: it names the file or the rule.',
	},
	'trust-conflict': {
		http: 409,
		exit: 1,
		when: 'The repository of trust changed while a document for it was being made; nothing was stored.',
		remedy: 'Try again: what was made is made anew from the present state.',
	},
	// the server and what it stands on
	'storage-unavailable': {
		http: 503,
		exit: 2,
		when: 'The database cannot be read or written: nothing was acknowledged.',
		remedy: 'Look at the disk and the server’s log; `caisson doctor` checks both.',
	},
	'storage-damaged': {
		http: 503,
		exit: 2,
		when: 'The database file is not a database, is damaged, or was written by a newer Caisson.',
		remedy: 'Restore from a backup; the damaged file is left as it is.',
	},
	'database-not-empty': {
		http: 409,
		exit: 1,
		when: 'The target of `caisson db copy` holds data, or held some before.',
		remedy: 'Name an empty database: a new schema, a new database, or a file that does not exist.',
	},
	'database-not-copied': {
		http: 500,
		exit: 2,
		when: '`caisson db copy` could not copy everything; the target is as it was.',
		remedy: 'Read the message: it names the table and the reason.',
	},
	'data-directory-refused': {
		http: 500,
		exit: 2,
		when: 'The data directory is open to others, not writable, or held by another process.',
		remedy: 'Close the directory to others (`chmod 0700 DIR`), or stop the other process.',
	},
	'configuration-invalid': {
		http: 500,
		exit: 2,
		when: 'A flag, an environment variable or a configuration file cannot be used.',
		remedy: 'Read the message: it names the option and where its value came from.',
	},
	'listen-failed': {
		http: 500,
		exit: 2,
		when: 'An address to serve on is taken, is not one of this machine, or may not be used by this user.',
		remedy: 'Read the message: it names the option; stop the other process or choose another address.',
	},
	'server-unreachable': {
		http: 502,
		exit: 2,
		when: 'The command could not reach the server, or the answer was not Caisson’s.',
		remedy: 'Start one with `caisson up`, or name one with --server.',
	},
	'file-unusable': {
		http: 500,
		exit: 2,
		when: 'A file named on the command line cannot be read or written.',
		remedy: 'Read the message: it names the file and the reason.',
	},
	'tool-missing': {
		http: 500,
		exit: 2,
		when: 'A program that Caisson runs is not installed.',
		remedy: 'Install the Debian package that the message names.',
	},
	'usage-wrong': {
		http: 400,
		exit: 2,
		when: 'A command was called with unknown words or options.',
		remedy: 'Run the command with --help.',
	},
	internal: {
		http: 500,
		exit: 2,
		when: 'Caisson itself is wrong.',
		remedy: 'Report it with the log lines of the same request id.',
	},
	// artifacts
	'artifact-not-found': {
		http: 404,
		exit: 1,
		when: 'No artifact has this digest.',
		remedy: 'List them with `caisson artifact list`.',
	},
	'artifact-in-use': {
		http: 409,
		exit: 1,
		when: 'The artifact cannot be deleted while an unfinished job names it, or while that cannot be told.',
		remedy: 'Read the message: it names the job. Finish or delete that job first.',
	},
	'upload-conflict': {
		http: 409,
		exit: 1,
		when: 'An upload does not go on where the server has it, or another one of the same artifact is under way.',
		remedy: 'Wait a moment and try again: `caisson artifact add` asks where to go on.',
	},
	'digest-mismatch': {
		http: 400,
		exit: 1,
		when: 'Bytes do not have the SHA-256 that they should have.',
		remedy: 'Compute the digest again and send the whole file; what was sent has been discarded.',
	},
	'artifact-damaged': {
		http: 502,
		exit: 1,
		when: 'What was downloaded as an artifact does not have its digest.',
		remedy: 'Download it again; if that fails too, upload the file anew with `caisson artifact add --again`.',
	},
	'blobs-unavailable': {
		http: 503,
		exit: 2,
		when: 'The folder or the S3 bucket that holds the artifacts cannot be read or written.',
		remedy: 'Read the message and the server’s log; check the disk, or the bucket, its endpoint and the credentials.',
	},
	// audit
	'audit-export-malformed': {
		http: 400,
		exit: 2,
		when: 'A file is no export of the audit trail.',
		remedy: 'Make one with `caisson audit export -o FILE`.',
	},
	// backup
	'backup-malformed': {
		http: 400,
		exit: 1,
		when: 'A backup is truncated, damaged, changed, or was written by a newer Caisson; nothing was restored.',
		remedy: 'Read the message: it names the member; take another backup.',
	},
	'backup-refused': {
		http: 409,
		exit: 1,
		when: 'A backup or a restore cannot be done as asked: the target is not empty, or a passphrase does not fit.',
		remedy: 'Read the message: it names the directory, the file or the option.',
	},
	// packages
	'package-unavailable': {
		http: 502,
		exit: 2,
		when: 'A Debian package cannot be fetched from the archive, or does not fit the digests that the archive signs.',
		remedy: 'Read the message; check the network, or run `apt-get update`.',
	},
	// updates
	'update-specification-invalid': {
		http: 400,
		exit: 1,
		when: 'An update specification breaks a rule or names a file that cannot be read.',
		remedy: 'Read the message: it names the line or the field.',
	},
	'update-malformed': {
		http: 400,
		exit: 1,
		when: 'A .swu file is truncated, damaged or not a .swu.',
		remedy: 'Fetch or build it again.',
	},
	'delta-wrong': {
		http: 400,
		exit: 1,
		when: 'A delta would not give the image that it is for: it is damaged, cut off, made from another base, or nothing says what it must give.',
		remedy: 'Read the message: it names the artifact; make the delta again with `caisson update delta`.',
	},
	'zchunk-malformed': {
		http: 400,
		exit: 1,
		when: 'A zchunk file or header is truncated, damaged, not zchunk, or beyond the limits of the format.',
		remedy: 'Fetch it again, or make it anew with `caisson update chunk`.',
	},
	'signature-invalid': {
		http: 400,
		exit: 1,
		when: 'A signature does not verify, or its certificate is not trusted for this purpose.',
		remedy: 'Check the key and the certificate that signed it.',
	},
	'key-unusable': {
		http: 400,
		exit: 2,
		when: 'A private key or certificate cannot be read, or the two do not belong together.',
		remedy: 'Check the files with openssl; a passphrase comes from a file or a systemd credential.',
	},
	'token-unusable': {
		http: 502,
		exit: 2,
		when: 'A PKCS#11 token, or the module that leads to it, is absent or refuses what it is asked.',
		remedy: 'Read the message; look with `pkcs11-tool --module MODULE --list-token-slots`.',
	},
	'token-pin-refused': {
		http: 400,
		exit: 2,
		when: 'The PIN of a PKCS#11 token is missing, wrong or locked. It is never tried twice.',
		remedy: 'Correct the file with the PIN before the next try: a token locks after a few wrong ones.',
	},
	// trust: metadata and targets of The Update Framework
	'trust-metadata-malformed': {
		http: 400,
		exit: 1,
		when: 'Trust metadata is no strict JSON, or breaks a rule of the specification.',
		remedy: 'Read the message: it names the field and the rule. Nothing that was trusted before has changed.',
	},
	'trust-signature-threshold': {
		http: 400,
		exit: 1,
		when: 'Trust metadata is not signed by as many distinct keys as its role demands.',
		remedy: 'Look at who signed with `caisson trust status`; on a device, suspect the server or what lies between.',
	},
	'trust-rollback': {
		http: 409,
		exit: 1,
		when: 'Trust metadata is older than what is trusted already, or lists something older or no longer.',
		remedy: 'Suspect a replay: compare the versions in the message with those of the repository.',
	},
	'trust-expired': {
		http: 409,
		exit: 1,
		when: 'Trust metadata has expired, so whether it is current cannot be told.',
		remedy: 'Check the clock of this machine, then whether the repository still signs new metadata.',
	},
	'trust-metadata-mismatch': {
		http: 409,
		exit: 1,
		when: 'Trust metadata does not have the version, length or hashes that the metadata above it names.',
		remedy: 'Try again; when it lasts, suspect a mix of old and new files on a mirror.',
	},
	'trust-target-unknown': {
		http: 404,
		exit: 1,
		when: 'No role that is trusted for this path lists a target of this name.',
		remedy: 'Check the name; it is signed and published before it can be fetched.',
	},
	'trust-target-mismatch': {
		http: 409,
		exit: 1,
		when: 'What was downloaded does not have the length or the hashes that are signed for this target.',
		remedy: 'Try another mirror; what was downloaded has been discarded.',
	},
	'trust-delegations-exceeded': {
		http: 409,
		exit: 1,
		when: 'The search for a target met more delegated roles than a client visits.',
		remedy: 'Delegate less deeply, or allow the client more roles.',
	},
	'trust-refused': {
		http: 502,
		exit: 1,
		when: 'The trust client refused what a repository or a mirror served; nothing of it is trusted or installed.',
		remedy: 'Read the code of the refusal in the message: docs/trust.md says what each one means.',
	},
	'trust-state-missing': {
		http: 409,
		exit: 1,
		when: 'The state folder of the trust client holds no trusted root.',
		remedy: 'Begin with `caisson trust client init ROOT.json --state DIR`, and a root that came by a trusted way.',
	},
	'trust-state-exists': {
		http: 409,
		exit: 1,
		when: 'The state folder of the trust client holds a trusted root already.',
		remedy: 'Use it as it is; to begin anew with another repository, name another folder.',
	},
	'trust-state-busy': {
		http: 409,
		exit: 1,
		when: 'Another process is refreshing or downloading with the same state folder.',
		remedy: 'Wait until it has ended.',
	},
	'trust-client-failed': {
		http: 500,
		exit: 1,
		when: 'The trust client could not do its work on this machine: its disk, or its options.',
		remedy: 'Read the message: it names the file or the option.',
	},
	// trust: the director
	'director-inventory-refused': {
		http: 400,
		exit: 1,
		when: 'The inventory of a device breaks a rule: the message names the field.',
		remedy: 'Read the message; docs/director.md shows the form of an inventory.',
	},
	'director-device-unknown': {
		http: 404,
		exit: 1,
		when: 'The director has no device of this name.',
		remedy: 'Look at the devices: `caisson director device list`.',
	},
	'director-device-exists': {
		http: 409,
		exit: 1,
		when: 'The director has a device of this name already.',
		remedy: 'Choose another name, or use `--replace` where the device was set up anew.',
	},
	'director-order-refused': {
		http: 400,
		exit: 1,
		when: 'An order does not fit the device: the component, its hardware, or another order for the same file.',
		remedy: 'Read the message; `caisson director device show DEVICE` shows the components.',
	},
	'director-manifest-dropped': {
		http: 400,
		exit: 1,
		when: 'The director dropped a manifest of a device: a check failed, and nothing was changed by it.',
		remedy: 'Read the message; `caisson director manifest list DEVICE` shows the manifests that were dropped.',
	},
	'director-key-shared': {
		http: 409,
		exit: 1,
		when: 'A key of the director is a key of the image repository as well, so that one theft would break both.',
		remedy: 'Make keys of the director alone: `caisson director init` makes the online ones itself.',
	},
	'director-not-ready': {
		http: 409,
		exit: 1,
		when: 'The data directory of the director was not initialised, or was initialised already.',
		remedy: 'Run `caisson director init --dir DIR` once, with a new folder.',
	},
} as const satisfies Record<string, ErrorMeaning>;

export type ErrorCode = keyof typeof errorCatalogue;

/** The one error class: every error that a person or a client meets carries a code of the catalogue. */
export class CaissonError extends Error {
	readonly code: ErrorCode;
	constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = 'CaissonError';
		this.code = code;
	}
}

/** The catalogue's entry for any thrown value; what is not a CaissonError is 'internal'. */
export function meaningOf(error: unknown): ErrorMeaning & { readonly code: ErrorCode } {
	const code: ErrorCode = error instanceof CaissonError ? error.code : 'internal';
	return { code, ...errorCatalogue[code] };
}
