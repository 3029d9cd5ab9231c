// What one device takes of a description, references included; and that hostile descriptions end in a fault, soon.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CaissonError } from '../../errors.ts';
import { type DeviceView, sizeOf, type ViewOptions, viewDescription } from './device-view.ts';
import { parseJsonDescription } from './json.ts';
import { parseLibconfig } from './parse.ts';
import { readSwDescription } from './read.ts';

const device: ViewOptions = {
	board: 'b',
	softwareSet: 'stable',
	mode: 'copyA',
	json: false,
	losesGroupReferences: false,
	compressions: ['zlib', 'zstd'],
};

function viewed(body: string, options: Partial<ViewOptions> = {}): DeviceView {
	const text = `software = { version = "1"; hardware-compatibility = [ "1" ]; ${body} };`;
	const view = viewDescription(parseLibconfig(text), { ...device, ...options });
	assert.ok(!('fault' in view), 'fault' in view ? view.fault : '');
	return view;
}

function fault(text: string): string {
	const view = viewDescription(parseLibconfig(text), device);
	return 'fault' in view ? view.fault : 'none';
}

const names = (view: DeviceView) => view.images.map(({ filename }) => filename);

describe('what a device takes of a sw-description', () => {
	it('is the most special list: board with selection, selection, board, general', () => {
		const lists = [
			'b: { files = ( { filename = "board"; } ); stable: { copyA: { files = ( { filename = "all"; } ); }; }; };',
			'stable: { copyA: { files = ( { filename = "selection"; } ); }; };',
			'files = ( { filename = "general"; } );',
		].join(' ');
		assert.deepEqual(names(viewed(lists)), ['all']);
		assert.deepEqual(names(viewed(lists, { board: 'other' })), ['selection']);
		assert.deepEqual(names(viewed(lists, { softwareSet: '', mode: '' })), ['board']);
		assert.deepEqual(names(viewed(lists, { board: '', softwareSet: '', mode: '' })), ['general']);
	});

	it('has partitions first, then images, then files', () => {
		const lists =
			'files = ( { filename = "f"; } ); images = ( { filename = "i"; device = "/d"; } ); partitions = ( { type = "diskpart"; device = "/p"; } );';
		assert.deepEqual(
			viewed(lists).images.map(({ type }) => type),
			['diskpart', 'raw', 'rawfile'],
		);
	});

	it('takes a name with a dot as two steps, as libconfig does', () => {
		const lists = 'a: { b: { files = ( { filename = "found"; } ); }; };';
		assert.deepEqual(names(viewed(lists, { board: 'a.b' })), ['found']);
	});

	it('follows references from where they stand, and from the root', () => {
		const lists = (reference: string) =>
			`common: { files = ( { filename = "common"; } ); }; stable: { copyA: { files = ( { ref = "${reference}"; } ); }; };`;
		assert.deepEqual(names(viewed(lists('#./../../common/files'))), ['common']);
		assert.deepEqual(names(viewed(lists('#software/common/files'))), ['common']);
		assert.deepEqual(names(viewed(lists('#./nothing'))), []);
		assert.match(viewed(lists('#./nothing')).passedOver.join(), /leads nowhere/);
	});

	it('says in the words of SWUpdate what it refuses', () => {
		assert.equal(fault('software = { };'), 'Missing version in configuration file');
		assert.equal(fault('software = { version = "1"; };'), 'HW compatibility not found');
		const start = 'software = { version = "1"; hardware-compatibility = [ "1" ]; ';
		assert.equal(fault(`${start} bootenv = ( { value = "1"; } ); };`), 'No variable set in bootenv section');
		assert.equal(
			fault(`${start} images = ( { filename = "a"; compressed = "lz9"; } ); };`),
			"compressed argument: 'lz9' unknown",
		);
		assert.match(fault(`${start} files = ( { ref = "x"; } ); };`), /malformed/);
		assert.match(fault(`${start} files = ( { filename = "a"; offset = "x"; } ); };`), /offset/);
	});

	it('reads sizes with units of 1024', () => {
		assert.equal(sizeOf('4K'), 4096);
		assert.equal(sizeOf('0x10'), 16);
		assert.equal(sizeOf('010'), 8);
		assert.equal(sizeOf('1GiB'), 2 ** 30);
		assert.equal(sizeOf('K'), undefined);
	});

	it('reads JSON, where an object stands for a list of one', () => {
		const root = parseJsonDescription(
			'{ "software": { "version": "1", "hardware-compatibility": ["1"], "files": { "filename": "one" } } }',
		);
		const view = viewDescription(root, { ...device, json: true });
		assert.ok(!('fault' in view));
		assert.deepEqual(names(view), ['one']);
	});
});

describe('reading a description for all devices', () => {
	it('finds version and hardware in a selection, and what references lead to', () => {
		const read = readSwDescription(
			`software = { b: { version = "7"; hardware-compatibility = [ "2" ]; stable: { a: { files = ( { filename = "f"; } ); };
			 b: { ref = "#./a"; }; c: { images = ( { ref = "#./../a/files"; } ); }; }; }; };`,
		);
		assert.equal(read.version, '7');
		assert.deepEqual(read.hardwareCompatibility, ['2']);
		assert.deepEqual(
			read.sections.map(({ path, files, images }) => [path.join('.'), files.length, images.length]),
			[
				['b.stable.a', 1, 0],
				['b.stable.b', 1, 0],
				['b.stable.c', 0, 1],
			],
		);
	});

	it('reads JSON too', () => {
		assert.equal(readSwDescription('{ "software": { "version": "3" } }').version, '3');
	});
});

describe('hostile descriptions', () => {
	it('with references in circles end', () => {
		const circle =
			'software = { version = "1"; hardware-compatibility = [ "1" ]; b: { ref = "#./b"; }; files = ( { ref = "#./files"; } ); };';
		assert.match(fault(circle), /circle/);
		assert.throws(() => readSwDescription(circle), { code: 'update-malformed' });
	});

	it('with lists of references to lists of references end', () => {
		const lists = Array.from({ length: 9 }, (_, index) => {
			const link = `{ ref = "#software/l${index + 1}"; }`;
			return `l${index} = ( ${Array.from({ length: 20 }, () => link).join(', ')} );`;
		});
		const text = `software = { version = "1"; hardware-compatibility = [ "1" ]; ${lists.join(' ')} l9 = ( { filename = "x"; } ); files = ( { ref = "#software/l0"; } ); };`;
		assert.match(fault(text), /more than 100000 entries/);
		assert.throws(() => readSwDescription(text), { code: 'update-malformed', message: /more than 100000 entries/ });
	});

	it('of any bytes give a view, a fault or a clear error', () => {
		const seedText =
			'software = { version = "1"; hardware-compatibility = [ "1" ]; b: { ref = "#./c"; }; c: { stable: { copyA: { images = ( { filename = "i"; offset = "1K"; size = 9L; properties: { a = [ "x" ]; }; } ); files = ( { ref = "#./images"; } ); }; }; }; bootenv = ( { name = "n"; value = "v"; } ); };';
		const pieces = [
			'{',
			'}',
			'(',
			')',
			'[',
			']',
			';',
			'"',
			'#./',
			'ref = "#../b";',
			'..',
			' = ',
			'\\',
			'copyA',
			'\0',
			'@include',
		];
		let state = 7;
		const next = (below: number) => {
			state = (Math.imul(state, 1103515245) + 12345) >>> 0;
			return (state >>> 8) % below;
		};
		let views = 0;
		for (let round = 0; round < 3000; round++) {
			let text = seedText;
			for (let change = next(4); change >= 0; change--) {
				const at = next(text.length);
				text = text.slice(0, at) + (pieces[next(pieces.length)] as string) + text.slice(at + next(3));
			}
			for (const parse of [parseLibconfig, parseJsonDescription]) {
				try {
					const view = viewDescription(parse(text), device);
					assert.ok('fault' in view ? view.fault !== '' : Array.isArray(view.images));
					views++;
				} catch (error) {
					assert.ok(error instanceof CaissonError && error.code === 'update-malformed', String(error));
				}
			}
			try {
				readSwDescription(text);
			} catch (error) {
				assert.ok(error instanceof CaissonError && error.code === 'update-malformed', String(error));
			}
		}
		assert.ok(views > 100, `${views} of the changed texts could be read`);
	});
});
