// What the pre-flight check is told and what it says: the facts of a .swu, and the stages of a verdict. Values only.

import type { LibconfigGroup } from '../../format/sw-description/libconfig.ts';
import type { DeviceProfile } from './device-profile.ts';

/** The archive as SWUpdate meets it, in order. */
export interface ArchiveFacts {
	readonly members: readonly MemberFacts[];
	/** Why reading ended: the end mark, or what is wrong. */
	readonly fault: string | undefined;
}

export interface MemberFacts {
	readonly name: string;
	/** As the header says. */
	readonly size: number;
	/** SHA-256 of the bytes that are there, up to `size`. */
	readonly sha256: string;
	readonly complete: boolean;
	/** False only in crc archives. */
	readonly checksumRight: boolean;
}

export type SignatureFacts = { readonly valid: true } | { readonly valid: false; readonly reason: string };

/** What becomes of a payload when its handler expands or applies it; computed only for what is installed. */
export interface OutputFacts {
	/** Why the handler fails; undefined where it does not. */
	readonly fault?: string;
	/** Why the handler reports success for a result that is wrong or missing. */
	readonly falseSuccess?: string;
	/** What is not known of the result. */
	readonly unknown?: string;
	/** Bytes that are written. */
	readonly size?: number;
	/** SHA-256 of the first N bytes that are written, for the N that were asked for and for all of them. */
	readonly sha256?: ReadonlyMap<number, string>;
}

export interface PreflightFacts {
	readonly profile: DeviceProfile;
	readonly archive: ArchiveFacts;
	/** undefined where the archive has none where it must be. */
	readonly signature: SignatureFacts | undefined;
	/** The description, or why it can be read neither as libconfig nor as JSON. */
	readonly description: { readonly root: LibconfigGroup; readonly json: boolean } | { readonly fault: string };
	/** By ViewedArtifact.where. */
	readonly outputs: ReadonlyMap<string, OutputFacts>;
	/** What each target holds now: SHA-256 of its first N bytes, by "PATH N". */
	readonly contents: ReadonlyMap<string, string>;
}

export type StageName =
	| 'archive'
	| 'signature'
	| 'description'
	| 'handlers'
	| 'hashes'
	| 'versions'
	| 'hardware'
	| 'members'
	| 'before'
	| 'install'
	| 'after'
	| 'bootenv';

export interface Stage {
	readonly name: StageName;
	readonly state: 'passed' | 'failed' | 'false success' | 'unknown' | 'not reached';
	/** Of a stage that did not pass: why; SWUpdate's own words where it has any. */
	readonly reason?: string;
	/** The function of SWUpdate that decides it. */
	readonly source: string;
}

export interface Verdict {
	readonly verdict: 'installs' | 'refused' | 'false success';
	/** The stage that decides where it does not install. */
	readonly stage?: StageName;
	readonly reason?: string;
	readonly stages: readonly Stage[];
	/** What the verdict rests on that was not checked. */
	readonly notChecked: readonly string[];
}
