// The files that the download chapter asks for. Their bytes and times are fixed, so that two servers that serve two
// copies answer alike.
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MODIFIED = new Date('2025-01-02T03:04:05Z');

/** 1000 bytes in which every run of ten names its own offset, so that a wrong range shows. */
const digits = Array.from({ length: 100 }, (_, row) =>
	String(row * 10)
		.padStart(9, '0')
		.concat('\n'),
).join('');

const FILES: Readonly<Record<string, string | Uint8Array>> = {
	'digits.bin': digits,
	'plain.txt': 'plain text\n',
	noext: 'no extension, sniffed as text\n',
	'page.html': '<!doctype html><title>page</title>\n',
	'data.json': '{"a":1}\n',
	'firmware.swu': Uint8Array.from({ length: 64 }, (_, index) => (index * 37) % 256),
	'empty.bin': '',
	'with space.txt': 'a name with a space\n',
	'ümlaut.txt': 'a name beyond ASCII\n',
	'folder/inner.txt': 'inner\n',
	'site/index.html': '<!doctype html><title>index</title>\n',
};

/** Writes the files into DIR, making it when absent. */
export function makeSampleFiles(dir: string): void {
	for (const folder of ['', 'folder', 'site']) mkdirSync(join(dir, folder), { recursive: true });
	for (const [name, content] of Object.entries(FILES)) {
		writeFileSync(join(dir, name), content);
		utimesSync(join(dir, name), MODIFIED, MODIFIED);
	}
	for (const folder of ['folder', 'site', '']) utimesSync(join(dir, folder), MODIFIED, MODIFIED);
}
