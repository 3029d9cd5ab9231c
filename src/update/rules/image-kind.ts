// What an image is by its superblock, as far as a delta cares: whether it is compressed, and whether a device that mounts
// it changes it. It leaves out everything else in the image.

export type ImageKind =
	| {
			readonly kind: 'squashfs';
			/** gzip, xz, zstd …; undefined where its data are stored as they are. */
			readonly compression?: string;
			readonly blockSize: number;
	  }
	| { readonly kind: 'erofs' | 'ext' | 'other' };

/** Bytes from the start of the image that `imageKind` looks at. */
export const superblockBytes = 2048;

const squashfsCompressions = ['', 'gzip', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'];
/** Superblock flag "data blocks are stored uncompressed" (squashfs 4.0). */
const uncompressedData = 0x2;

/** @param start the first `superblockBytes` of the image, or all of a smaller one */
export function imageKind(start: Uint8Array): ImageKind {
	const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
	if (start.length >= 96 && view.getUint32(0, true) === 0x73717368) {
		const name = squashfsCompressions[view.getUint16(20, true)] ?? 'unknown';
		const stored = (view.getUint16(24, true) & uncompressedData) !== 0;
		return { kind: 'squashfs', blockSize: view.getUint32(12, true), ...(stored ? {} : { compression: name }) };
	}
	if (start.length >= 1028 && view.getUint32(1024, true) === 0xe0f5e1e2) return { kind: 'erofs' };
	if (start.length >= 1082 && view.getUint16(1080, true) === 0xef53) return { kind: 'ext' };
	return { kind: 'other' };
}

/** Whether no way of mounting writes to it, so that every device holds the bytes that were built. */
export function isReadOnlyByNature({ kind }: ImageKind): boolean {
	return kind === 'squashfs' || kind === 'erofs';
}
