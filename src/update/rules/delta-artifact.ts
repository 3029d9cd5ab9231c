// What SWUpdate's delta and rdiff handlers can take, decided from a specification alone: the rules of
// handlers/delta_handler.c and handlers/rdiff_handler.c (2024.12), whose own refusals come late, on the device, or not at
// all. It leaves out what is in the files (src/update/delta reads them).

/** Handlers whose member is not the image itself, so that packing must find out what it gives. */
export const deltaTypes = ['delta', 'rdiff_image', 'rdiff_file'] as const;
export type DeltaType = (typeof deltaTypes)[number];

export function isDeltaType(type: unknown): type is DeltaType {
	return deltaTypes.includes(type as DeltaType);
}

/** One artifact as far as these rules need it. */
export interface DeltaArtifact {
	readonly kind: string;
	readonly attributes: Readonly<Record<string, unknown>>;
	readonly properties: Readonly<Record<string, string | readonly string[]>>;
	/** The local file with what must come out. */
	readonly result?: string;
	/** The local file that an rdiff delta was made from. */
	readonly base?: string;
	readonly unverified?: boolean;
}

/** Ranges a request where max-ranges is absent (2021.11 to 2026.04). */
export const defaultMaxRanges = 150;

/** The same for a release, year and month: it became 10 in 2026.05. */
export function maxRangesOf(release: string): number {
	return release >= '2026.05' ? 10 : defaultMaxRanges;
}
/** More than this in one request is answered with the whole file by Caisson's server, and by others with less. */
const mostRanges = 1024;
/** URL and ranges pass between SWUpdate's processes in a buffer of 32 KiB, each with its end mark. */
const requestRoom = 32 * 1024 - 2;
const chunkLogLevels = ['debug', 'info', 'warn', 'error', 'none'];

/** Why SWUpdate would refuse the artifact or fail with it; undefined where these rules have nothing against it. */
export function deltaFault(artifact: DeltaArtifact): string | undefined {
	const { attributes } = artifact;
	switch (attributes.type) {
		case 'delta':
			return zchunkFault(artifact) ?? proofFault(artifact, 'delta');
		case 'rdiff_image':
			return rdiffImageFault(artifact) ?? proofFault(artifact, 'rdiff');
		case 'rdiff_file':
			return rdiffFileFault(artifact) ?? proofFault(artifact, 'rdiff');
		default:
			return plainFault(artifact);
	}
}

function zchunkFault({ kind, attributes, properties }: DeltaArtifact): string | undefined {
	if (kind === 'archives') return 'the delta handler installs images and files: list it there, with a chain.';
	if (attributes['installed-directly'] === true) {
		return 'has installed-directly: SWUpdate refuses that for delta, because the header cannot be streamed.';
	}
	if (attributes.compressed !== undefined) return 'has a compression: the header of a .zck is packed as it is.';
	const { chain, source } = properties;
	if (chain === undefined) {
		return 'needs the property chain: the handler that writes the result, raw for images or rawfile for files.';
	}
	if (typeof chain !== 'string') return 'has several values for the property chain: SWUpdate takes one handler.';
	if (chain === 'delta') return 'has the property chain delta: SWUpdate refuses a delta chained to itself.';
	if (chain.startsWith('rdiff')) return `has the property chain ${chain}, which expects a delta, not an image.`;
	if (typeof source !== 'string') {
		return 'needs the property source: the device or file that holds the installed image.';
	}
	return (
		targetFault(chain, attributes, source) ??
		addressFault(properties) ??
		optionFault(properties, 'max-ranges', isRangeCount, `must be a whole number from 1 to ${mostRanges}`) ??
		optionFault(
			properties,
			'source-size',
			isSourceSize,
			'must be a number of bytes (K, M or G may follow) or detect',
		) ??
		optionFault(
			properties,
			'zckloglevel',
			(text) => chunkLogLevels.includes(text),
			`must be one of ${chunkLogLevels.join(', ')}`,
		) ??
		(properties['debug-chunks'] !== undefined && properties.zckloglevel === undefined
			? 'has the property debug-chunks, which SWUpdate reads only where zckloglevel is set too.'
			: undefined)
	);
}

/** Where the chained handler writes. In place it cannot be: chunks would be overwritten before they are read. */
function targetFault(
	chain: string,
	attributes: DeltaArtifact['attributes'],
	source: string | readonly string[],
): string | undefined {
	const target = chain === 'rawfile' ? attributes.path : attributes.device;
	if (chain === 'raw' && target === undefined) return 'needs a device: where the chained handler raw writes.';
	if (chain === 'rawfile') {
		if (target === undefined) return 'needs a path: where the chained handler rawfile writes (device does not do).';
		if (!String(target).startsWith('/') || String(target).split('/').includes('..')) {
			return 'needs a path that starts with "/" and has no "..".';
		}
	}
	if (target !== undefined && target === source) {
		return `would write ${String(target)} while reading it as the source: the target must be another place.`;
	}
	return undefined;
}

function addressFault({ url, zckfile }: DeltaArtifact['properties']): string | undefined {
	if (url === undefined || url === 'dynamic') {
		if (typeof zckfile === 'string') return undefined;
		return 'needs the property url: where devices fetch the .zck, for example http://server/artifacts/sha256/….';
	}
	if (typeof url !== 'string') return 'has several values for the property url.';
	if (!/^https?:\/\/[^\s/]+\/\S*$/i.test(url))
		return `has the property url ${url}, which is no http(s) address of a file.`;
	return undefined;
}

function optionFault(
	properties: DeltaArtifact['properties'],
	name: string,
	fits: (text: string) => boolean,
	rule: string,
): string | undefined {
	const value = properties[name];
	if (value === undefined || (typeof value === 'string' && fits(value))) return undefined;
	return `has the property ${name} ${JSON.stringify(value)}: it ${rule}.`;
}

const isRangeCount = (text: string) => /^[1-9]\d{0,3}$/.test(text) && Number(text) <= mostRanges;
const isSourceSize = (text: string) => text === 'detect' || /^[1-9]\d{0,14}[KMG]?$/.test(text);

function rdiffImageFault({ kind, attributes, properties }: DeltaArtifact): string | undefined {
	if (kind !== 'images') return 'rdiff_image installs images: list it there, or take rdiff_file.';
	if (attributes.device === undefined) return 'needs a device: where rdiff_image writes.';
	if (attributes.offset !== undefined) return 'has an offset: SWUpdate refuses one for rdiff_image.';
	const base = singleValue(properties.rdiffbase);
	if (base === undefined) {
		return 'needs the property rdiffbase: the one device or file on the device that holds the base.';
	}
	if (base === attributes.device) {
		return `has the base ${base} as its target: rdiff_image empties the target before it reads the base.`;
	}
	return undefined;
}

/** rdiff_file takes its own target as the base, makes the result in TMPDIR, and copies it over the target. */
function rdiffFileFault({ kind, attributes, properties }: DeltaArtifact): string | undefined {
	if (kind !== 'files') return 'rdiff_file installs files: list it there, or take rdiff_image.';
	const path = attributes.path;
	if (path === undefined || !String(path).startsWith('/') || String(path).split('/').includes('..')) {
		return 'needs a path that starts with "/" and has no "..": the file that is both base and target.';
	}
	if (properties.rdiffbase !== undefined) {
		return 'has the property rdiffbase, which rdiff_file does not read: its base is the file at path.';
	}
	return undefined;
}

function singleValue(value: string | readonly string[] | undefined): string | undefined {
	if (typeof value === 'string') return value;
	return value?.length === 1 ? value[0] : undefined;
}

/** SWUpdate reports success for a wrong base, a cut-off delta and an unreadable header: packing must know better. */
function proofFault(artifact: DeltaArtifact, way: 'delta' | 'rdiff'): string | undefined {
	const { result, base, unverified, attributes } = artifact;
	if (unverified === true) {
		const given = result !== undefined ? 'result' : base !== undefined ? 'base' : undefined;
		return given === undefined
			? undefined
			: `is unverified, so its ${given} would not be looked at: keep one of the two.`;
	}
	if (attributes.encrypted === true) {
		return 'is encrypted already, so packing cannot look into it: give it plain with encrypt: true, or set unverified: true.';
	}
	if (way === 'delta') {
		return base === undefined
			? undefined
			: 'has a base: a zchunk delta takes any source; the header says what must come out.';
	}
	if (result !== undefined && base !== undefined) return undefined;
	return (
		'needs base (the image that the delta was made from) and result (the image that must come out): packing applies ' +
		'the delta and compares. With unverified: true it is packed on trust.'
	);
}

function plainFault({ result, base, unverified, attributes }: DeltaArtifact): string | undefined {
	const given =
		result !== undefined ? 'result' : base !== undefined ? 'base' : unverified !== undefined ? 'unverified' : undefined;
	return given === undefined
		? undefined
		: `has ${given}, which is for delta, rdiff_image and rdiff_file, not for ${String(attributes.type)}.`;
}

/**
 * Bytes that the URL and the longest list of ranges of a .zck may take in one request.
 * @param fileLength of the .zck
 * @param chunks of the .zck: no list has more ranges than every other chunk
 */
export function longestRequest(url: string, maxRanges: number, fileLength: number, chunks: number): number {
	const ranges = Math.min(maxRanges, Math.ceil(chunks / 2));
	// "FIRST-LAST,": at most as many digits as the length of the file has.
	return new TextEncoder().encode(url).length + ranges * (2 * String(fileLength).length + 2);
}

/** Why requests for this .zck would not fit SWUpdate ("Range exceeds maximum"); undefined where all do. */
export function requestFault(
	properties: DeltaArtifact['properties'],
	fileLength: number,
	chunks: number,
): string | undefined {
	const url = typeof properties.url === 'string' ? properties.url : '';
	const maxRanges = typeof properties['max-ranges'] === 'string' ? Number(properties['max-ranges']) : defaultMaxRanges;
	const length = longestRequest(url, maxRanges, fileLength, chunks);
	if (length <= requestRoom) return undefined;
	return `may ask for ${length} bytes of URL and ranges at once; SWUpdate holds ${requestRoom}: lower max-ranges or shorten the url.`;
}

/** Why SWUpdate's delta handler could not use a .zck with this header, or would fetch all of it. */
export function handlerFault(header: {
	readonly flags: { readonly uncompressedSource: boolean };
	readonly chunkChecksumType: string;
	readonly compression: string;
	readonly dictionary: unknown;
	readonly chunks: { readonly length: number };
}): string | undefined {
	const remake = 'Make it with caisson update chunk, or zck -u --chunk-hash-type sha256.';
	if (!header.flags.uncompressedSource) {
		return `The .zck has no checksums of the plain chunks, so every device would download all of it. ${remake}`;
	}
	if (header.chunkChecksumType !== 'sha256') {
		return `The .zck has chunk checksums of the type ${header.chunkChecksumType}; SWUpdate compares SHA-256. ${remake}`;
	}
	if (header.compression !== 'zstd') {
		return `The .zck has the compression ${header.compression}; SWUpdate expands every chunk as zstd. ${remake}`;
	}
	if (header.dictionary !== undefined) {
		return `The .zck has a dictionary, and SWUpdate expands chunks without one. ${remake}`;
	}
	return header.chunks.length === 0 ? 'The .zck is of an empty image.' : undefined;
}
