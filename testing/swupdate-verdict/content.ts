// The bytes that the cases of the pre-flight check are made of, from recipes of a few words, the same bytes every time.
// It decides what a recipe means; it leaves out what the bytes are for.
//
//   text WORDS…            the words and a line end          pattern N [SEED]   N bytes that do not repeat soon
//   zeros N                N zero bytes                      file NAME          testdata/update/check/files/NAME
//   gzip (RECIPE)          compressed                        zstd (RECIPE)      compressed
//   cut N (RECIPE)         without its last N bytes          join (A) (B)       one after the other
//   patched AT (RECIPE)    one byte changed                  tar NAME (RECIPE)  an archive with one file
//   rdiff N (RECIPE)       a delta that takes the first N bytes of its base, then the bytes of RECIPE
//   script WORDS…          a shell script of one line         aes (RECIPE)  encrypted with the key of the tests (AES-256-CBC)

import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';

/** What devices with an encryption key have; it protects nothing. */
export const testKey = { key: '0f'.repeat(32), vector: '1a2b3c4d5e6f708192a3b4c5d6e7f809' };

/** @throws Error for a recipe that it does not know */
export function contentOf(recipe: string): Uint8Array {
	const [, word = '', rest = ''] = /^(\w+)\s*([\s\S]*)$/.exec(recipe.trim()) ?? [];
	switch (word) {
		case 'text':
			return encode(`${rest}\n`);
		case 'script':
			return encode(`#!/bin/sh\n${rest}\n`);
		case 'zeros':
			return new Uint8Array(Number(rest));
		case 'pattern':
			return pattern(...(rest.split(' ').map(Number) as [number, number?]));
		case 'file':
			return readFileSync(new URL(`../../testdata/update/check/files/${rest}`, import.meta.url));
		default:
			return combined(word, rest, recipe);
	}
}

function combined(word: string, rest: string, recipe: string): Uint8Array {
	const argument = rest.slice(0, rest.indexOf('(')).trim();
	const parts = bracketed(rest).map(contentOf);
	const first = parts[0];
	if (first === undefined) throw new Error(`not a recipe: ${recipe}`);
	const aes = createCipheriv('aes-256-cbc', Buffer.from(testKey.key, 'hex'), Buffer.from(testKey.vector, 'hex'));
	switch (word) {
		case 'aes':
			return Buffer.concat([aes.update(first), aes.final()]);
		case 'gzip':
			return gzipSync(first);
		case 'zstd':
			return zstdCompressSync(first);
		case 'cut':
			return first.subarray(0, first.length - Number(argument));
		case 'join':
			return Buffer.concat(parts);
		case 'patched':
			return first.with(Number(argument), (first[Number(argument)] as number) ^ 0xff);
		case 'tar':
			return tar(argument, first);
		case 'rdiff':
			return rdiff(Number(argument), first);
		default:
			throw new Error(`not a recipe: ${recipe}`);
	}
}

/** The texts in the outermost brackets. */
function bracketed(text: string): string[] {
	const found: string[] = [];
	let depth = 0;
	let start = 0;
	for (const [index, character] of [...text].entries()) {
		if (character === '(' && depth++ === 0) start = index + 1;
		if (character === ')' && --depth === 0) found.push(text.slice(start, index));
	}
	return found;
}

function pattern(length: number, seed = 1): Uint8Array {
	const bytes = new Uint8Array(length);
	let state = seed >>> 0;
	for (let index = 0; index < length; index++) {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		bytes[index] = state >>> 24;
	}
	return bytes;
}

/** POSIX ustar (IEEE 1003.1): one plain file, then two blocks of zeros. */
function tar(name: string, content: Uint8Array): Uint8Array {
	const header = new Uint8Array(512);
	const put = (at: number, text: string) => header.set(encode(text), at);
	put(0, name);
	put(100, '0000644\0');
	put(108, '0000000\0');
	put(116, '0000000\0');
	put(124, `${content.length.toString(8).padStart(11, '0')}\0`);
	put(136, '00000000000\0');
	put(148, '        ');
	put(156, '0');
	put(257, 'ustar\u000000');
	const sum = header.reduce((total, byte) => total + byte, 0);
	put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
	const padding = new Uint8Array((512 - (content.length % 512)) % 512);
	return Buffer.concat([header, content, padding, new Uint8Array(1024)]);
}

/** librsync's delta format (prototab.h): COPY with a start and a length of 4 bytes, LITERAL with a length of 4, END. */
function rdiff(copied: number, literal: Uint8Array): Uint8Array {
	const start = new Uint8Array([0x72, 0x73, 0x02, 0x36]);
	const copy = new Uint8Array([0x4f, ...fourBytes(0), ...fourBytes(copied)]);
	const put = new Uint8Array([0x43, ...fourBytes(literal.length)]);
	return Buffer.concat(
		[start, ...(copied > 0 ? [copy] : []), ...(literal.length > 0 ? [put, literal] : []), [0]].map((each) =>
			Uint8Array.from(each),
		),
	);
}

function fourBytes(value: number): number[] {
	return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function encode(text: string): Uint8Array {
	return new TextEncoder().encode(text);
}
