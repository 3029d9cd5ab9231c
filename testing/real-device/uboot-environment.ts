// The environment in which U-Boot keeps its variables, as one plain file: bytes ↔ variables. The simulated boot loader
// of the real device reads and writes it as U-Boot and libubootenv do (U-Boot, env/Kconfig and include/env_internal.h;
// not the redundant layout with its flag byte). It leaves out where the file is and what the variables mean.

import { crc32 } from 'node:zlib';

/** Bytes of the CRC-32 before the variables. */
const headerSize = 4;

/**
 * The environment's bytes: CRC-32 (little-endian) of the rest, then `name=value` strings that each end with a zero byte,
 * one more zero byte, padding.
 * @param size of the whole, in bytes: what fw_env.config says
 * @throws Error where a name or value cannot be written, or they do not fit
 */
export function encodeEnvironment(variables: ReadonlyMap<string, string>, size: number): Uint8Array {
	const texts: string[] = [];
	for (const [name, value] of variables) {
		if (name === '' || /[=\0]/.test(name)) throw new Error(`not a variable name: ${JSON.stringify(name)}`);
		if (value.includes('\0')) throw new Error(`the value of ${name} holds a zero byte`);
		texts.push(`${name}=${value}\0`);
	}
	const content = new TextEncoder().encode(`${texts.join('')}\0`);
	if (headerSize + content.length > size) {
		throw new Error(`${content.length} bytes of variables do not fit an environment of ${size} bytes`);
	}
	// mkenvimage pads with 0xff, the erased state of flash.
	const bytes = new Uint8Array(size).fill(0xff);
	bytes.set(content, headerSize);
	new DataView(bytes.buffer).setUint32(0, crc32(bytes.subarray(headerSize)), true);
	return bytes;
}

/** The variables in `bytes`. @throws Error where the checksum is wrong: U-Boot takes its default environment then */
export function decodeEnvironment(bytes: Uint8Array): Map<string, string> {
	if (bytes.length <= headerSize) throw new Error(`an environment of ${bytes.length} bytes is too short`);
	const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
	const content = bytes.subarray(headerSize);
	if (stored !== crc32(content)) throw new Error('the checksum of the environment is wrong');
	const variables = new Map<string, string>();
	for (let start = 0; start < content.length && content[start] !== 0; ) {
		const end = content.indexOf(0, start);
		if (end < 0) throw new Error('the last variable of the environment has no end');
		const text = new TextDecoder().decode(content.subarray(start, end));
		const equals = text.indexOf('=');
		if (equals < 1) throw new Error(`the environment holds ${JSON.stringify(text)}, which is no variable`);
		variables.set(text.slice(0, equals), text.slice(equals + 1));
		start = end + 1;
	}
	return variables;
}
