// Writing and reading of libconfig text and of sw-description.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CaissonError } from '../../errors.ts';
import { type SwDescription, writeSwDescription } from './description.ts';
import { array, group, list, writeLibconfig } from './libconfig.ts';
import { parseLibconfig } from './parse.ts';
import { readSwDescription } from './read.ts';

const handWritten = readFileSync(
	new URL('../../../testdata/update/descriptions/reference.in', import.meta.url),
	'utf8',
);

const description: SwDescription = {
	version: '1.2.0',
	description: 'A "quoted" \\ text\nwith\ttabs, \u0007 and ümlauts €',
	hardwareCompatibility: ['1.0', '#RE:^2\\..*$'],
	settings: { bootloader_transaction_marker: true, reboot: false },
	sections: [
		{
			path: [],
			images: [],
			files: [{ filename: 'a', sha256: '00', attributes: { type: 'rawfile', path: '/a' }, properties: {} }],
			scripts: [],
			bootenv: [{ name: 'bootpart', value: '2' }],
		},
		{
			path: ['stable', 'copyA'],
			images: [
				{
					filename: 'root.zst',
					sha256: 'ff',
					attributes: { type: 'raw', device: '/dev/x', 'installed-directly': true, size: 5_000_000_000 },
					properties: { 'decompressed-size': '12', bases: ['/dev/a', '/dev/b'] },
				},
			],
			files: [],
			scripts: [{ attributes: { type: 'readback' }, properties: {} }],
			bootenv: [],
		},
	],
};

const parsed = (text: string) => parseLibconfig(`a = ${text};`).settings.get('a');

describe('sw-description', () => {
	it('reads back what it wrote', () => {
		assert.deepEqual(readSwDescription(writeSwDescription(description)), description);
	});

	it('writes the same text for the same values', () => {
		assert.equal(writeSwDescription(description), writeSwDescription(structuredClone(description)));
	});

	it('reads a description written by hand with every comment, separator and bracket of libconfig', () => {
		const read = readSwDescription(handWritten);
		assert.equal(read.version, '2.0.1');
		assert.equal(read.description, 'A "quoted" text, a tab\tand A');
		assert.deepEqual(read.hardwareCompatibility, ['1.0', '#RE:^2\\..*$']);
		assert.deepEqual(read.settings, { bootloader_transaction_marker: false, bootloader_state_marker: false });
		const [section] = read.sections;
		assert.deepEqual(section?.path, ['stable', 'copyA']);
		assert.deepEqual(section?.files[0]?.attributes, { path: '/opt/caisson/hello.txt', type: 'rawfile', size: 15 });
		assert.deepEqual(section?.files[0]?.properties, { 'create-destination': 'true', list: ['a', 'b'] });
		assert.deepEqual(section?.bootenv, [
			{ name: 'bootpart', value: '2' },
			{ name: 'gone', value: '' },
		]);
	});

	it('refuses a selection whose name the description needs itself', () => {
		const clash = {
			...description,
			sections: [{ ...description.sections[0], path: ['version', 'x'] }],
		} as SwDescription;
		assert.throws(() => writeSwDescription(clash), { code: 'update-specification-invalid' });
	});

	it('says which part is not as SWUpdate needs it', () => {
		for (const [text, reason] of [
			['', /no group "software"/],
			['software = { };', /version is missing/],
			['software = { version = "1"; images = { }; };', /images is not a list/],
			['software = { version = "1"; files = ( "x" ); };', /files\[0\] is not a group/],
			[
				'software = { version = "1"; a: { b: { scripts = ( { filename = 3; } ); }; }; };',
				/a\.b\.scripts\[0\]\.filename/,
			],
		] as const) {
			assert.throws(() => readSwDescription(text), { code: 'update-malformed', message: reason });
		}
	});
});

describe('libconfig', () => {
	it('reads integers, floats and flags as libconfig does', () => {
		for (const [text, value] of [
			['42', 42],
			['-7', -7],
			['0x1F', 31],
			['12345678901L', 12345678901],
			['9223372036854775807LL', 9223372036854775807n],
			['1.5', 1.5],
			['1e3', 1000],
			['TRUE', true],
			['false', false],
		] as const) {
			assert.equal(parsed(text), value);
		}
	});

	it('marks integers beyond 32 bits, which libconfig would cut', () => {
		const text = writeLibconfig(group({ small: 2_147_483_647, large: 2_147_483_648, huge: 2n ** 62n, part: 0.5 }));
		assert.equal(text, `small = 2147483647;\nlarge = 2147483648L;\nhuge = ${2n ** 62n}L;\npart = 0.5;\n`);
	});

	it('reads back strings of any characters but NUL', () => {
		const all = String.fromCodePoint(...Array.from({ length: 0x2ff }, (_, index) => index + 1), 0x1f600);
		assert.equal(parseLibconfig(writeLibconfig(group({ all }))).settings.get('all'), all);
		assert.throws(() => writeLibconfig(group({ nul: 'a\0b' })), { code: 'update-specification-invalid' });
	});

	it('refuses names that libconfig cannot read', () => {
		for (const name of ['', '1a', 'a b', 'ä', 'a.b']) {
			assert.throws(() => writeLibconfig(group({ [name]: 1 })), { code: 'update-specification-invalid' });
		}
	});

	it('keeps lists, arrays and groups apart', () => {
		const root = group({ empty: list([]), none: array([]), mixed: list([1, 'a', array([true]), group({ x: 1 })]) });
		assert.deepEqual(parseLibconfig(writeLibconfig(root)), root);
	});

	it('names the line of a fault', () => {
		for (const [text, reason] of [
			['a = 1;\nb = ;', /Line 2 .*a value is missing/],
			['a = 1;\n\nb 2;', /Line 3 .*"=" or ":" is missing/],
			['a = "x', /string is not closed/],
			['a = { b = 1;', /not closed with "}"/],
			['a = ( 1 2 );', /"," or "\)" is missing/],
			['a = [ ( ) ];', /more than plain values/],
			['a = 1; a = 2;', /a is there twice/],
			['a = nothing;', /"nothing" is not a value/],
			['/* a = 1;', /comment is not closed/],
			['@include "/etc/passwd"', /@include is not supported/],
		] as const) {
			assert.throws(() => parseLibconfig(text), { code: 'update-malformed', message: reason });
		}
	});

	it('bounds depth and length', () => {
		assert.throws(() => parseLibconfig(`a = ${'('.repeat(100_000)}`), {
			code: 'update-malformed',
			message: /deeper than/,
		});
		assert.throws(() => parseLibconfig(`a = ( ${'1,'.repeat(200_000)} );`), { message: /more than 100000 values/ });
		assert.throws(() => parseLibconfig(' '.repeat(2 ** 20 + 1)), { code: 'update-malformed', message: /longer than/ });
	});

	it('answers any cut or changed text with a description or update-malformed, nothing else', () => {
		for (let length = 0; length < handWritten.length; length++) tolerates(handWritten.slice(0, length));
		const marks = '{}()[]=:;,"\\#/*@Lx0e.-\n a';
		let state = 7;
		const random = (below: number) => {
			state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
			return (state >>> 8) % below;
		};
		for (let round = 0; round < 3000; round++) {
			let text = handWritten;
			for (let changes = 1 + random(3); changes > 0; changes--) {
				const at = random(text.length);
				text = text.slice(0, at) + marks[random(marks.length)] + text.slice(at + random(3));
			}
			tolerates(text);
		}
	});
});

function tolerates(text: string): void {
	try {
		assert.equal(typeof readSwDescription(text).version, 'string');
	} catch (error) {
		assert.ok(error instanceof CaissonError && error.code === 'update-malformed', String(error));
	}
}
