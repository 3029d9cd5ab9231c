// Speaks to PKCS#11 tokens through OpenSC's pkcs11-tool, one process a request: which tokens there are, which objects
// they hold, and signing. It decides how a PIN travels (in the environment of that one process, which only the same user
// and root can read; never among its words, which everyone can) and what a failure means. It leaves out choosing a key.
// A request is never repeated: a wrong PIN counts against the few tries that a token gives.

import { spawn } from 'node:child_process';
import { CaissonError } from '../../errors.ts';

/** Where a request goes. */
export interface TokenAddress {
	/** The library of the token's maker. */
	readonly module: string;
	/** The number of the slot; absent for a request about all slots. */
	readonly slot?: string;
	/** Logs in first. An empty text is for tokens with a keypad of their own. */
	readonly pin?: string;
	readonly signal?: AbortSignal;
}

const pinVariable = 'CAISSON_TOKEN_PIN';
/** A token that asks a person to press a button gets that long. */
const timeout = 120_000;
const maximumAnswer = 4 << 20;

/**
 * Runs pkcs11-tool and gives what it wrote to stdout.
 * @throws CaissonError tool-missing, token-unusable, token-pin-refused; the signal's reason when it aborts
 */
export async function askToken(
	address: TokenAddress,
	words: readonly string[],
	input: Uint8Array = new Uint8Array(),
): Promise<Buffer> {
	address.signal?.throwIfAborted();
	const all = ['--module', address.module];
	if (address.slot !== undefined) all.push('--slot', address.slot);
	if (address.pin !== undefined) all.push('--login');
	if (address.pin) all.push('--pin', `env:${pinVariable}`);
	const { code, stdout, stderr } = await run([...all, ...words], input, address);
	if (code !== 0) throw failure(stderr, code, address);
	return stdout;
}

interface Outcome {
	readonly code: number | null;
	readonly stdout: Buffer;
	readonly stderr: string;
}

function run(words: readonly string[], input: Uint8Array, address: TokenAddress): Promise<Outcome> {
	const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
	const child = spawn('pkcs11-tool', words, {
		stdio: ['pipe', 'pipe', 'pipe'],
		env: { ...process.env, LC_ALL: 'C.UTF-8', ...(address.pin ? { [pinVariable]: address.pin } : {}) },
		...(address.signal === undefined ? {} : { signal: address.signal }),
		killSignal: 'SIGKILL',
	});
	const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
	const parts: Buffer[] = [];
	let length = 0;
	child.stdout.on('data', (part: Buffer) => {
		length += part.length;
		if (length > maximumAnswer) child.kill('SIGKILL');
		else parts.push(part);
	});
	let stderr = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		if (stderr.length < 65536) stderr += text;
	});
	// A program that ends without reading its input closes the pipe; its exit code tells the reason.
	child.stdin.on('error', () => {});
	child.stdin.end(input);
	child.on('error', (error: NodeJS.ErrnoException) => {
		clearTimeout(timer);
		if (address.signal?.aborted) reject(address.signal.reason);
		else if (error.code === 'ENOENT') {
			const message = 'Keys in tokens need pkcs11-tool, which is not installed: apt-get install opensc.';
			reject(new CaissonError('tool-missing', message, { cause: error }));
		} else
			reject(new CaissonError('token-unusable', `pkcs11-tool cannot be started (${error.code}).`, { cause: error }));
	});
	child.on('close', (code) => {
		clearTimeout(timer);
		resolve({ code, stdout: Buffer.concat(parts), stderr });
	});
	return promise;
}

/** By the return codes of PKCS#11 (CKR_…), which do not change from version to version as words do. */
function failure(stderr: string, code: number | null, { module }: TokenAddress): CaissonError {
	if (/CKR_PIN_(INCORRECT|INVALID|LEN_RANGE)/.test(stderr)) {
		return new CaissonError(
			'token-pin-refused',
			'The token refuses the PIN. It was tried once: tokens count wrong PINs and lock after a few.',
		);
	}
	if (stderr.includes('CKR_PIN_LOCKED')) {
		return new CaissonError(
			'token-pin-refused',
			'The PIN of the token is locked after too many wrong ones: its security officer must set a new one.',
		);
	}
	if (/failed to load pkcs11 module/i.test(stderr)) {
		return new CaissonError('token-unusable', `${module} is not there, or is no PKCS#11 module.`);
	}
	if (/C_Initialize/.test(stderr)) {
		return new CaissonError(
			'token-unusable',
			`The PKCS#11 module ${module} does not start (${reasonOf(stderr)}): check its configuration.`,
		);
	}
	if (code === null) return new CaissonError('token-unusable', 'The token gave no usable answer in time.');
	return new CaissonError('token-unusable', `The token refuses (${reasonOf(stderr)}).`);
}

function reasonOf(stderr: string): string {
	const returned = /CKR_[A-Z_]+/.exec(stderr)?.[0];
	if (returned !== undefined) return returned;
	const line = stderr.split('\n').find((each) => /error|fail|not found|unknown/i.test(each)) ?? stderr.split('\n')[0];
	return (
		(line ?? '')
			.replace(/^error: /, '')
			.trim()
			.slice(0, 200) || 'no reason given'
	);
}

/** A token in a slot. */
export interface TokenFacts {
	/** The slot's number as pkcs11-tool takes it. */
	readonly slot: string;
	readonly label: string;
	readonly manufacturer: string;
	readonly model: string;
	readonly serial: string;
	/** As pkcs11-tool names them: login required, user PIN locked and so on. */
	readonly flags: readonly string[];
}

/** The initialised tokens that a module knows. @throws CaissonError like askToken */
export async function listTokens(address: TokenAddress): Promise<TokenFacts[]> {
	return readTokens((await askToken(address, ['--list-token-slots'])).toString('utf8'));
}

/** From the text of pkcs11-tool --list-token-slots. */
export function readTokens(text: string): TokenFacts[] {
	return text
		.split(/^(?=Slot \d+ \()/m)
		.slice(1)
		.flatMap((block) => {
			const slot = /^Slot \d+ \((0x[0-9a-f]+)\)/.exec(block)?.[1];
			const field = (name: string) => new RegExp(`^  ${name} *: ?(.*)$`, 'm').exec(block)?.[1]?.trimEnd() ?? '';
			const flags = field('token flags').split(/, */);
			if (slot === undefined || !flags.includes('token initialized')) return [];
			return {
				slot,
				label: field('token label'),
				manufacturer: field('token manufacturer'),
				model: field('token model'),
				serial: field('serial num'),
				flags,
			};
		});
}

/** A key or a certificate in a token, as far as pkcs11-tool lists it. */
export interface TokenObject {
	readonly type: 'private' | 'public' | 'certificate';
	/** RSA, EC, EC_EDWARDS; empty for a certificate. */
	readonly algorithm: string;
	readonly label: string;
	/** CKA_ID, lower-case hexadecimal; empty where the object has none. */
	readonly id: string;
	/** Public EC keys: CKA_EC_POINT and CKA_EC_PARAMS, hexadecimal. */
	readonly point?: string;
	readonly parameters?: string;
}

/** The objects of a token. @throws CaissonError like askToken */
export async function listObjects(address: TokenAddress): Promise<TokenObject[]> {
	return readObjects((await askToken(address, ['--list-objects'])).toString('utf8'));
}

const objectStart = /^(Private Key|Public Key|Certificate) Object; ?(.*)$/;

/** From the text of pkcs11-tool --list-objects. */
export function readObjects(text: string): TokenObject[] {
	return text.split(/^(?=\S[^\n]* Object; )/m).flatMap((block) => {
		const [, kind, rest = ''] = objectStart.exec(block.split('\n', 1)[0] ?? '') ?? [];
		if (kind === undefined) return [];
		const field = (name: string) => new RegExp(`^  ${name}: *(.*)$`, 'm').exec(block)?.[1]?.trimEnd();
		const hexadecimal = (name: string) => /^[0-9a-f]*/i.exec(field(name) ?? '')?.[0].toLowerCase();
		const point = hexadecimal('EC_POINT');
		const parameters = hexadecimal('EC_PARAMS');
		return {
			type: kind === 'Private Key' ? 'private' : kind === 'Public Key' ? 'public' : 'certificate',
			algorithm: kind === 'Certificate' ? '' : (/^[A-Z_]+/.exec(rest)?.[0] ?? ''),
			label: field('label') ?? '',
			id: hexadecimal('ID') ?? '',
			...(point ? { point } : {}),
			...(parameters ? { parameters } : {}),
		} as const;
	});
}
