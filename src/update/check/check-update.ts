// The pre-flight check of one .swu for one device: finds the facts and hands them to the rules. It changes nothing and
// needs no network. It leaves out showing the verdict (commands/check.ts).

import { CaissonError } from '../../errors.ts';
import { parseJsonDescription } from '../../format/sw-description/json.ts';
import { parseLibconfig } from '../../format/sw-description/parse.ts';
import type { DeviceProfile } from '../rules/device-profile.ts';
import { preflight } from '../rules/preflight.ts';
import { readForDevice } from '../rules/preflight-description.ts';
import type { PreflightFacts, SignatureFacts, Verdict } from '../rules/preflight-facts.ts';
import { startFault } from '../rules/preflight-members.ts';
import type { Keys } from '../signer.ts';
import { type ArchiveOptions, type ReadArchive, readArchive } from './archive.ts';
import { findContents, findOutputs } from './outputs.ts';

export interface CheckRequest {
	readonly file: string;
	readonly profile: DeviceProfile;
	/** Turns a file name of the profile into a path. */
	readonly localFile: (name: string) => string;
	readonly keys: Keys;
	/** Milliseconds since the epoch: certificates must be valid then. */
	readonly now: number;
	readonly options?: ArchiveOptions;
}

/** @throws CaissonError file-unusable, key-unusable where a file that is needed cannot be read */
export async function checkUpdate(request: CheckRequest): Promise<Verdict> {
	const { file, profile, localFile } = request;
	const archive = await readArchive(file, request.options);
	const started = startFault(archive) === undefined;
	const signature = started ? await judgeSignature(archive, request) : undefined;
	const [bytes = new Uint8Array()] = archive.first;
	const description = readDescription(new TextDecoder().decode(bytes));
	const install = signature?.valid === true ? readForDevice(description, profile) : undefined;
	const known = install !== undefined && !('fault' in install);
	const facts: PreflightFacts = {
		profile,
		archive,
		signature,
		description,
		outputs: known ? await findOutputs(file, archive, install, profile, localFile) : new Map(),
		contents: known ? await findContents(install, profile, localFile) : new Map(),
	};
	return preflight(facts);
}

/** parser/parser.c: libconfig first, then JSON; the fault of the first is told. */
function readDescription(text: string): PreflightFacts['description'] {
	try {
		return { root: parseLibconfig(text), json: false };
	} catch (first) {
		if (!(first instanceof CaissonError)) throw first;
		try {
			return { root: parseJsonDescription(text), json: true };
		} catch (second) {
			if (!(second instanceof CaissonError)) throw second;
			return { fault: first.message };
		}
	}
}

/**
 * wolfSSL, with which Debian 13 builds SWUpdate, asks for less than OpenSSL: it looks at the chain and at the dates, not at
 * what a certificate is for (corelib/swupdate_pkcs7_verify.c; tried).
 */
async function judgeSignature({ first }: ReadArchive, request: CheckRequest): Promise<SignatureFacts> {
	const { profile, keys, now, localFile } = request;
	const [content, signature] = first;
	if (content === undefined || signature === undefined) return { valid: false, reason: 'it cannot be read' };
	const purpose = profile.signatureLibrary === 'wolfssl' ? 'any' : profile.purpose;
	const { trusted } = profile;
	const files =
		'certificates' in trusted
			? { certificateFile: localFile(trusted.certificates) }
			: { publicKeyFile: localFile(trusted.publicKey) };
	try {
		return await keys.verify(signature, content, { ...files, now, purpose });
	} catch (error) {
		if (error instanceof CaissonError && error.code === 'update-malformed')
			return { valid: false, reason: error.message };
		throw error;
	}
}
