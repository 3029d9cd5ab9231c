// Decides how a new image travels to devices that hold an old one: whole, as the missing chunks of a .zck, or as an rdiff
// delta. The figures come in; out come the way that takes the fewest bytes of those that the device can take, and for
// each of the others why it was not picked. A full download is never the quiet outcome: it is picked only with the
// reasons against every delta. It leaves out how figures are found (src/update/delta) and what is the same in
// every way: the sw-description, its signature and the request for the .swu.

import { type ImageKind, isReadOnlyByNature } from './image-kind.ts';

export type Way = 'full' | 'zck' | 'rdiff';

/** How bytes travel: as they are, compressed as a member, or as chunks that are compressed one by one. */
export type Form = 'plain' | 'zlib' | 'zstd' | 'chunks';

/** What the devices and the way to them allow. */
export interface DeviceLimits {
	/** The partition with the old image is never written; undefined: not known. */
	readonly baseReadOnly?: boolean;
	/** What the server, and every proxy on the way, makes of Range headers: several ranges at once, one, or ignored. */
	readonly ranges: 'yes' | 'single' | 'no';
	/** Bytes of memory (with TMPDIR, where that is a tmpfs) that an update may take. */
	readonly memory?: number;
	/** The handlers of the device's SWUpdate; absent: taken to be all there. */
	readonly handlers?: ReadonlySet<string>;
}

export interface Candidate {
	readonly way: Way;
	readonly form: Form;
	/** Bytes that the device receives. */
	readonly down: number;
	/** Bytes that it sends for that, beside the request for the .swu. */
	readonly up: number;
	/** Requests beside that for the .swu. */
	readonly requests: number;
	/** Bytes of memory that it takes on the device, roughly. */
	readonly memory: number;
}

export interface Judged extends Candidate {
	readonly verdict: 'picked' | 'larger' | 'impossible';
	/** Why it was picked or not: a sentence. */
	readonly reason: string;
}

export interface DeltaDecision {
	/** The picked one first, then the possible ones by size, then the impossible ones. */
	readonly candidates: readonly Judged[];
	readonly picked: Judged;
	/** What somebody who wants smaller updates should know. */
	readonly advice: readonly string[];
}

export interface PlanFacts {
	readonly limits: DeviceLimits;
	readonly candidates: readonly Candidate[];
	/** Ways that could not be computed, and why. */
	readonly missing: readonly { readonly way: Way; readonly reason: string }[];
	readonly oldKind: ImageKind;
	readonly newKind: ImageKind;
}

/** For equal bytes: a .zck serves every version that a device may hold, an rdiff delta one. */
const preference: readonly Way[] = ['zck', 'rdiff', 'full'];

/**
 * @throws RangeError where there is no candidate for a full download: there always is one
 */
export function decideDelta(facts: PlanFacts): DeltaDecision {
	const judged = facts.candidates.map((candidate) => ({ candidate, obstacle: obstacle(candidate, facts) }));
	const bySize = (one: Candidate, other: Candidate) =>
		total(one) - total(other) || preference.indexOf(one.way) - preference.indexOf(other.way);
	const possible = judged.flatMap(({ candidate, obstacle }) => (obstacle === undefined ? [candidate] : []));
	possible.sort(bySize);
	const best = possible[0] ?? facts.candidates.filter(({ way }) => way === 'full').sort(bySize)[0];
	if (best === undefined) throw new RangeError('no candidate for a full download');
	const picked: Judged = { ...best, verdict: 'picked', reason: reasonToPick(best, possible, facts) };
	const others = possible
		.filter((candidate) => candidate !== best)
		.map((candidate): Judged => ({ ...candidate, verdict: 'larger', reason: reasonAgainst(candidate, best) }));
	const impossible = judged.flatMap(({ candidate, obstacle }): Judged[] =>
		obstacle === undefined || candidate === best ? [] : [{ ...candidate, verdict: 'impossible', reason: obstacle }],
	);
	return { candidates: [picked, ...others, ...impossible], picked, advice: adviceFor(facts, picked) };
}

function total({ down, up }: Candidate): number {
	return down + up;
}

/** Why the device cannot take this way; undefined where it can. */
function obstacle({ way, memory }: Candidate, { limits, oldKind }: PlanFacts): string | undefined {
	const handler = way === 'zck' ? 'delta' : way === 'rdiff' ? 'rdiff_image' : 'raw';
	if (limits.handlers?.has(handler) === false) return `The device’s SWUpdate has no handler ${handler}.`;
	if (way === 'zck' && limits.ranges === 'no') {
		return 'SWUpdate fails where a server or a proxy ignores Range; it does not fetch the whole file instead.';
	}
	if (way === 'rdiff' && limits.baseReadOnly === false) {
		return 'The base is written to on the device, and one changed byte of it gives a wrong image.';
	}
	if (way === 'rdiff' && limits.baseReadOnly === undefined && !isReadOnlyByNature(oldKind)) {
		return 'Nothing says that the base stays as it was built (--base-read-only): one changed byte of it gives a wrong image.';
	}
	if (limits.memory !== undefined && memory > limits.memory) {
		return `It takes about ${memory} bytes of memory; the device has ${limits.memory}.`;
	}
	return undefined;
}

function reasonToPick(best: Candidate, possible: readonly Candidate[], { candidates, missing }: PlanFacts): string {
	if (possible.length === 0) return 'No way fits the device; a full download comes nearest.';
	if (best.way !== 'full') return 'It takes the fewest bytes of the ways that the device can take.';
	const deltas = possible.filter(({ way }) => way !== 'full');
	if (deltas.length > 0) return 'A FULL DOWNLOAD: every delta takes as many bytes or more.';
	const computed = candidates.some(({ way }) => way !== 'full');
	return computed || missing.length > 0
		? 'A FULL DOWNLOAD: no delta is possible, each for the reason given.'
		: 'A FULL DOWNLOAD: no delta was computed.';
}

function reasonAgainst(candidate: Candidate, best: Candidate): string {
	const factor = total(best) === 0 ? Number.POSITIVE_INFINITY : total(candidate) / total(best);
	if (factor < 1.005) return 'It takes about as many bytes.';
	return factor < 2
		? `It takes ${((factor - 1) * 100).toFixed(1)} % more.`
		: `It takes ${factor.toFixed(1)} times as much.`;
}

function adviceFor({ limits, oldKind, newKind, candidates }: PlanFacts, picked: Candidate): string[] {
	const advice: string[] = [];
	if (newKind.kind === 'squashfs' && newKind.compression !== undefined) {
		advice.push(
			`The new image is a squashfs compressed with ${newKind.compression}: a changed byte changes the whole block of ${newKind.blockSize} bytes and moves what follows, which hides what the images share. ` +
				'Built without compression (mksquashfs -noI -noD -noF -noX) it takes more room on the device, and its delta, which is compressed on its way, is smaller: see what it would be with --try-uncompressed.',
		);
	}
	const rdiff = candidates.filter(({ way }) => way === 'rdiff').sort((one, other) => total(one) - total(other))[0];
	if (rdiff !== undefined && picked.way !== 'rdiff' && total(rdiff) < 0.8 * total(picked)) {
		const saved = Math.round(100 * (1 - total(rdiff) / total(picked)));
		const condition =
			limits.baseReadOnly === true || isReadOnlyByNature(oldKind) ? 'more memory' : 'a root that is never written';
		advice.push(`With ${condition} an rdiff delta would save another ${saved} %.`);
	}
	if (picked.way === 'rdiff') {
		advice.push('An rdiff delta fits devices that hold exactly the old image; a .zck serves every version.');
	}
	if (oldKind.kind === 'ext' && limits.baseReadOnly === true) {
		advice.push(
			'The old image is an ext file system: even mounting it for reading may replay its journal; mount it with noload.',
		);
	}
	return advice;
}
