// The header of a zchunk file: which chunks an image consists of, their checksums and where they are in the body. Read as
// zchunk's specification and libzck 1.2 have it, but strictly: what libzck only warns of (bytes left over, a count that
// does not fit) is refused here, because SWUpdate reports success for a header that it could not read. It leaves out the
// body (see reader.ts), writing (see writer.ts), and files: bytes in, header out.

import { type ChunkColumns, ChunkList, chunkOf, type ZchunkChunk } from './chunk-list.ts';
import { HeaderCursor, malformed, maximumCompintBytes } from './compint.ts';

export type { ZchunkChunk } from './chunk-list.ts';

/** The checksum over the header and over all stored data. */
export type ChecksumType = 'sha1' | 'sha256';
/** The checksum of each chunk; sha512-128 is SHA-512 cut to 16 bytes, the default of zck. */
export type ChunkChecksumType = 'sha1' | 'sha256' | 'sha512' | 'sha512-128';
export type ZchunkCompression = 'none' | 'zstd';

/** In the order of their numbers in the format. */
export const checksumTypes: readonly ChecksumType[] = ['sha1', 'sha256'];
export const chunkChecksumTypes: readonly ChunkChecksumType[] = ['sha1', 'sha256', 'sha512', 'sha512-128'];
export const checksumBytes: Readonly<Record<ChunkChecksumType, number>> = {
	sha1: 20,
	sha256: 32,
	sha512: 64,
	'sha512-128': 16,
};
export const compressionNumbers: Readonly<Record<ZchunkCompression, number>> = { none: 0, zstd: 2 };

/** Chunks have at most this many bytes in libzck (CHUNK_DEFAULT_MAX), automatic ones 128 KiB. */
export const maximumChunkBytes = 10 * 1024 * 1024;
/** More than zstd adds to 10 MiB that it cannot compress. */
const maximumStoredBytes = maximumChunkBytes + 128 * 1024;
/** A header of this size describes an image of about 60 GB. */
export const defaultMaximumHeaderBytes = 128 * 1024 * 1024;
/** Reading this many bytes first always shows how long the header is. */
export const firstReadBytes = 5 + 2 * maximumCompintBytes;

const fileMagic = [0, 0x5a, 0x43, 0x4b, 0x31] as const; // \0ZCK1
const detachedMagic = [0, 0x5a, 0x48, 0x52, 0x31] as const; // \0ZHR1
const flagStreams = 1;
const flagOptionalElements = 2;
const flagUncompressedSource = 4;

export interface ZchunkHeader {
	/** The magic is that of a header without body (\0ZHR1). */
	readonly detached: boolean;
	readonly checksumType: ChecksumType;
	/** All bytes before the body, lead included. */
	readonly headerSize: number;
	readonly headerDigest: Uint8Array;
	/** Checksum of the body; not to be checked where flags.uncompressedSource is set (specification). */
	readonly dataDigest: Uint8Array;
	readonly flags: {
		/** Always false: files with streams are refused, as by libzck. */
		readonly streams: boolean;
		readonly optionalElements: boolean;
		/** Each entry carries a checksum of the plain bytes too: what SWUpdate's delta handler compares (zck -u). */
		readonly uncompressedSource: boolean;
	};
	readonly compression: ZchunkCompression;
	readonly chunkChecksumType: ChunkChecksumType;
	/** The zstd dictionary that all chunks are compressed with, stored as the first entry of the body. */
	readonly dictionary: ZchunkChunk | undefined;
	/** The chunks of the image in order, without the dictionary. */
	readonly chunks: ChunkList;
	/** Bytes after the header, dictionary included. */
	readonly bodyLength: number;
	/** Bytes of the image. */
	readonly length: number;
}

export interface HeaderOptions {
	readonly sha256: (bytes: Uint8Array) => Uint8Array;
	/** Only old files need it; without it they are refused. */
	readonly sha1?: (bytes: Uint8Array) => Uint8Array;
	readonly maximumHeaderBytes?: number;
}

/**
 * How many bytes from the start of the file `readHeader` needs. Given `firstReadBytes` of them or more it is the size of
 * the header, so that two reads are enough. More than `bytes.length` means: read on; a file that has no more is cut off.
 * @throws CaissonError zchunk-malformed where the bytes can be no zchunk header, or it is larger than the limit
 */
export function neededBytes(bytes: Uint8Array, maximumHeaderBytes = defaultMaximumHeaderBytes): number {
	const lead = readLead(bytes, maximumHeaderBytes);
	return typeof lead === 'number' ? lead : lead.headerSize;
}

/**
 * Reads and checks a header, whole file or detached. Bytes after it are ignored.
 * @param bytes at least `neededBytes` of the file; the header keeps a copy of what it needs
 * @throws CaissonError zchunk-malformed
 */
export function readHeader(bytes: Uint8Array, options: HeaderOptions): ZchunkHeader {
	const lead = readLead(bytes, options.maximumHeaderBytes ?? defaultMaximumHeaderBytes);
	if (typeof lead === 'number') throw malformed(`it ends after ${bytes.length} bytes, within the lead`);
	if (lead.headerSize > bytes.length) {
		throw malformed(`it has ${lead.headerSize} bytes, and only ${bytes.length} are there`);
	}
	const own = bytes.slice(0, lead.headerSize);
	const headerDigest = checkDigest(own, lead, options);

	const cursor = new HeaderCursor(own, lead.size, lead.headerSize);
	const dataDigestAt = cursor.skip(checksumBytes[lead.checksumType], 'the data checksum');
	const flags = readFlags(cursor);
	const compression = readCompression(cursor);
	if (flags.optionalElements) skipOptionalElements(cursor);
	const { chunkChecksumType, columns } = readIndex(cursor, flags.uncompressedSource);
	const signatures = cursor.compint('the number of signatures');
	if (signatures !== 0) throw malformed('it has signatures, which no version of zchunk defines');
	if (cursor.at !== cursor.end) throw malformed(`${cursor.end - cursor.at} bytes are left over at its end`);

	const dictionary = chunkOf(columns, 0);
	const chunks = new ChunkList(columns, 1);
	const last = chunkOf(columns, columns.length.length - 1);
	return {
		detached: lead.detached,
		checksumType: lead.checksumType,
		headerSize: lead.headerSize,
		headerDigest,
		dataDigest: own.subarray(dataDigestAt, dataDigestAt + checksumBytes[lead.checksumType]),
		flags,
		compression,
		chunkChecksumType,
		dictionary: dictionary.length === 0 ? undefined : dictionary,
		chunks,
		bodyLength: last.offset + last.compressedLength,
		length: columns.length.reduce((sum, length) => sum + length, 0) - dictionary.length,
	};
}

interface Lead {
	readonly detached: boolean;
	readonly checksumType: ChecksumType;
	readonly digestAt: number;
	/** Bytes of the lead: up to and with the header's checksum. */
	readonly size: number;
	readonly headerSize: number;
}

/** The lead, or how many bytes are needed to read it. */
function readLead(bytes: Uint8Array, maximumHeaderBytes: number): Lead | number {
	const isFile = startsWith(bytes, fileMagic);
	const detached = startsWith(bytes, detachedMagic);
	if (!isFile && !detached) throw malformed('it does not begin as a zchunk file or header does');
	if (bytes.length < firstReadBytes) return firstReadBytes; // No header is that short.
	const cursor = new HeaderCursor(bytes, fileMagic.length, bytes.length);
	const checksumType = checksumTypes[cursor.compint('the checksum type', checksumTypes.length - 1)] as ChecksumType;
	const rest = cursor.compint('the header size', maximumHeaderBytes);
	const size = cursor.at + checksumBytes[checksumType];
	return { detached, checksumType, digestAt: cursor.at, size, headerSize: size + rest };
}

/** Whether `bytes`, as far as they go, begin with `magic`. */
function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
	return magic.every((byte, index) => index >= bytes.length || bytes[index] === byte);
}

/** The checksum covers all of the header but itself, and the magic of a whole file even where it is detached. */
function checkDigest(header: Uint8Array, lead: Lead, options: HeaderOptions): Uint8Array {
	const hash = options[lead.checksumType];
	if (hash === undefined) throw malformed('its checksum is SHA-1, which is not accepted here');
	const covered = new Uint8Array(lead.digestAt + header.length - lead.size);
	covered.set(header.subarray(0, lead.digestAt));
	covered.set(fileMagic);
	covered.set(header.subarray(lead.size), lead.digestAt);
	const stated = header.subarray(lead.digestAt, lead.size);
	const found = hash(covered);
	if (!stated.every((byte, index) => byte === found[index])) throw malformed('its checksum does not fit its bytes');
	return stated;
}

function readFlags(cursor: HeaderCursor): ZchunkHeader['flags'] {
	const flags = cursor.compint('the flags');
	if (flags > 7) throw malformed('it has unknown flags');
	if ((flags & flagStreams) !== 0) throw malformed('it has streams, which libzck does not support either');
	return {
		streams: false,
		optionalElements: (flags & flagOptionalElements) !== 0,
		uncompressedSource: (flags & flagUncompressedSource) !== 0,
	};
}

function readCompression(cursor: HeaderCursor): ZchunkCompression {
	const number = cursor.compint('the compression type');
	if (number === compressionNumbers.none) return 'none';
	if (number === compressionNumbers.zstd) return 'zstd';
	throw malformed(`the compression type ${number} is unknown`);
}

/** None is defined; the specification forbids vital data in them. */
function skipOptionalElements(cursor: HeaderCursor): void {
	const count = cursor.compint('the number of optional elements', Math.floor((cursor.end - cursor.at) / 2));
	for (let element = 0; element < count; element++) {
		cursor.compint('the id of an optional element');
		cursor.skip(cursor.compint('the size of an optional element'), 'an optional element');
	}
}

function readIndex(
	cursor: HeaderCursor,
	hasUncompressedDigests: boolean,
): { chunkChecksumType: ChunkChecksumType; columns: ChunkColumns } {
	const size = cursor.compint('the index size', cursor.end - cursor.at);
	const end = cursor.at + size;
	if (end > cursor.end) throw malformed('it ends within the index');
	const index = new HeaderCursor(cursor.bytes, cursor.at, end);
	const type = chunkChecksumTypes[index.compint('the chunk checksum type', chunkChecksumTypes.length - 1)];
	const chunkChecksumType = type as ChunkChecksumType;
	const digestBytes = checksumBytes[chunkChecksumType];
	const digestsBytes = hasUncompressedDigests ? 2 * digestBytes : digestBytes;
	// What the columns take is bounded by the bytes that are there, whatever the count says.
	const count = index.compint('the number of chunks', Math.floor((end - index.at) / (digestsBytes + 2)));
	if (count === 0) throw malformed('its index lacks the entry of the dictionary');

	const columns = {
		bytes: cursor.bytes,
		digestAt: new Uint32Array(count),
		digestBytes,
		hasUncompressedDigests,
		compressedLength: new Uint32Array(count),
		length: new Uint32Array(count),
		offset: new Float64Array(count),
	};
	let offset = 0;
	for (let entry = 0; entry < count; entry++) {
		columns.digestAt[entry] = index.skip(digestsBytes, 'a chunk checksum');
		const stored = index.compint('a compressed chunk length', maximumStoredBytes);
		const length = index.compint('a chunk length', maximumChunkBytes);
		if ((stored === 0) !== (length === 0)) {
			throw malformed(`entry ${entry} of its index has ${length} bytes, stored in ${stored}`);
		}
		if (entry > 0 && length === 0) throw malformed(`entry ${entry} of its index is empty`);
		columns.compressedLength[entry] = stored;
		columns.length[entry] = length;
		columns.offset[entry] = offset;
		offset += stored;
	}
	if (index.at !== end) throw malformed('its index is longer than its chunks');
	cursor.at = end;
	return { chunkChecksumType, columns };
}
