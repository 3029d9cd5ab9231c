// The one shape of tar members that Caisson writes and reads: POSIX ustar (IEEE Std 1003.1, pax, "ustar Interchange
// Format"), plain files of mode 0600, owner root, a name of at most 100 bytes, and the size in GNU's base-256 form from
// 8 GiB on. As every field but name and size is fixed, a reader compares whole headers, so no byte of one is without
// meaning. Any tar unpacks it. It leaves out data and what the members mean.

export const blockLength = 512;
export const longestName = 100;
const sizeAt = 124;
const checksumAt = 148;
const octalSizeLimit = 8 ** 11;

/**
 * The header of a plain file.
 * @param size in bytes, up to 2^53 - 1
 * @param mtime seconds since the epoch
 * @throws RangeError where the name or the size does not fit
 */
export function encodeTarHeader(name: string, size: number, mtime: number): Uint8Array<ArrayBuffer> {
	const encoder = new TextEncoder();
	const header = new Uint8Array(blockLength);
	const put = (offset: number, text: string) => header.set(encoder.encode(text), offset);
	if (!isTarName(name)) throw new RangeError(`${JSON.stringify(name)} cannot be the name of a member`);
	if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${size} cannot be the size of a member`);
	put(0, name);
	put(100, '0000600\0');
	put(108, '0000000\0');
	put(116, '0000000\0');
	if (size < octalSizeLimit) put(sizeAt, `${size.toString(8).padStart(11, '0')}\0`);
	else putBase256(header, size);
	put(136, `${mtime.toString(8).padStart(11, '0')}\0`);
	put(156, '0');
	put(257, 'ustar\0');
	put(263, '00');
	put(checksumAt, '        ');
	const sum = header.reduce((total, byte) => total + byte, 0);
	put(checksumAt, `${sum.toString(8).padStart(6, '0')}\0 `);
	return header;
}

/** Relative, of printable ASCII, without empty, `.` or `..` parts, at most 100 bytes. */
export function isTarName(name: string): boolean {
	if (name.length > longestName || !/^[\x21-\x7e]+$/.test(name)) return false;
	return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** GNU tar: the first byte's high bit, then the number, big endian. */
function putBase256(header: Uint8Array, size: number): void {
	header[sizeAt] = 0x80;
	for (let at = sizeAt + 11, rest = size; at > sizeAt; at--) {
		header[at] = rest % 256;
		rest = Math.floor(rest / 256);
	}
}

/**
 * Name and size of a header that is byte for byte what encodeTarHeader makes with this mtime.
 * @returns 'end' for a block of zeros; undefined for anything else
 */
export function decodeTarHeader(block: Uint8Array, mtime: number): { name: string; size: number } | 'end' | undefined {
	if (block.length !== blockLength) return undefined;
	if (block.every((byte) => byte === 0)) return 'end';
	const nameEnd = block.subarray(0, longestName).indexOf(0);
	const name = ascii(block.subarray(0, nameEnd < 0 ? longestName : nameEnd));
	const size = readSize(block.subarray(sizeAt, sizeAt + 12));
	if (!isTarName(name) || size === undefined) return undefined;
	const expected = encodeTarHeader(name, size, mtime);
	return expected.every((byte, index) => byte === block[index]) ? { name, size } : undefined;
}

function readSize(field: Uint8Array): number | undefined {
	let size = 0;
	if (field[0] === 0x80) for (const byte of field.subarray(1)) size = size * 256 + byte;
	else {
		const digits = ascii(field.subarray(0, 11));
		if (!/^[0-7]{11}$/.test(digits)) return undefined;
		size = Number.parseInt(digits, 8);
	}
	return Number.isSafeInteger(size) ? size : undefined;
}

function ascii(bytes: Uint8Array): string {
	let text = '';
	for (const byte of bytes) text += String.fromCharCode(byte);
	return text;
}

/** Zeros that follow `size` bytes of data, up to the next whole block. */
export function tarPadding(size: number): number {
	return (blockLength - (size % blockLength)) % blockLength;
}

/** What ends an archive: two blocks of zeros. */
export const tarEndLength = 2 * blockLength;
