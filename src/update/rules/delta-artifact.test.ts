// What the specification refuses of deltas before a device would, and which readback scripts come of it.

import assert from 'node:assert/strict';
import { it, describe as suite } from 'node:test';
import { longestRequest, maxRangesOf, requestFault } from './delta-artifact.ts';
import { describe, type MemberFacts, planMembers } from './plan.ts';
import { parseUpdateSpecification } from './specification.ts';

const head = 'version: "1.0"\nhardware-compatibility: any\n';
const parse = (body: string) => parseUpdateSpecification(head + body);
const result = { size: 100, sha256: 'cd'.repeat(32) };
const facts: MemberFacts = { size: 5, sha256: 'ab'.repeat(32), result };
const sections = (body: string, of: MemberFacts = facts) => describe(parse(body), () => of).sections;
const delta = (more = '', properties = '') =>
	`{ type: delta, source: a.zck, device: /dev/b, ${more} properties: { url: "http://s/a.zck", source: /dev/a, chain: raw, ${properties} } }`;
const rdiff = (more = '', properties = 'rdiffbase: /dev/a') =>
	`{ type: rdiff_image, source: a.rdiff, device: /dev/b, base: old, result: new, ${more} properties: { ${properties} } }`;
const refused = (body: string, message: RegExp) =>
	assert.throws(() => sections(body), { code: 'update-specification-invalid', message });

suite('a delta in the specification', () => {
	it('keeps SWUpdate’s names, and what is for packing stays out of the description', () => {
		const [section] = sections(`images: [${delta('result: new,', 'max-ranges: 20')}]`);
		assert.deepEqual(section?.images[0], {
			filename: 'a.zckhdr',
			sha256: facts.sha256,
			attributes: { type: 'delta', device: '/dev/b' },
			properties: { url: 'http://s/a.zck', source: '/dev/a', chain: 'raw', 'max-ranges': '20' },
		});
		assert.deepEqual(planMembers(parse(`images: [${rdiff()}]`))[0]?.delta, {
			...{ type: 'rdiff_image', result: 'new', base: 'old', properties: { rdiffbase: '/dev/a' } },
		});
	});

	for (const [what, body, message] of [
		[
			'no chain',
			'{ type: delta, source: a, device: /b, properties: { url: "http://s/a", source: /a } }',
			/needs the property chain/,
		],
		['a delta chained to itself', delta('').replace('chain: raw', 'chain: delta'), /chained to itself/],
		['a chain that expects a delta', delta('').replace('chain: raw', 'chain: rdiff_image'), /expects a delta/],
		['no source', delta('').replace('source: /dev/a,', ''), /needs the property source/],
		['no url', delta('').replace('url: "http://s/a.zck",', ''), /needs the property url/],
		['a url of another scheme', delta('').replace('http:', 'ftp:'), /no http\(s\) address/],
		['installed-directly', delta('installed-directly: true,'), /refuses that for delta/],
		['compression of the header', delta('compress: zstd,'), /packed as it is/],
		['no target', delta('').replace('device: /dev/b, ', ''), /needs a device/],
		['the target as source', delta('').replace('source: /dev/a,', 'source: /dev/b,'), /must be another place/],
		['too many ranges', delta('', 'max-ranges: 1025'), /from 1 to 1024/],
		['ranges that are no number', delta('', 'max-ranges: many'), /whole number/],
		['a source size that is none', delta('', 'source-size: big'), /number of bytes/],
		['an unknown log level', delta('', 'zckloglevel: loud'), /one of debug, info/],
		['debugging without a log level', delta('', 'debug-chunks: true'), /only where zckloglevel is set/],
		['a base', delta('base: old,'), /takes any source/],
		['a result that is not looked at', delta('unverified: true, result: new,'), /keep one of the two/],
		['a readback of what is not known', delta('unverified: true, readback: true,'), /nothing is known/],
		[
			'a readback of a handler that nobody knows',
			delta('').replace('chain: raw', 'chain: my_lua'),
			/does not know where/,
		],
		['an rdiff delta without a base on the device', rdiff('', 'x: y'), /needs the property rdiffbase/],
		['two bases', rdiff('', 'rdiffbase: [/a, /b]'), /the one device or file/],
		['its target as base', rdiff('', 'rdiffbase: /dev/b'), /empties the target/],
		['an offset', rdiff('offset: 4K,'), /refuses one for rdiff_image/],
		[
			'an rdiff delta that nothing proves',
			rdiff('').replace('base: old, result: new,', ''),
			/needs base .* and result/,
		],
		['half a proof', rdiff('').replace('base: old,', ''), /needs base .* and result/],
		['a result of a plain image', '{ source: a, device: /d, result: b }', /is for delta, rdiff_image and rdiff_file/],
		['a property as a field', '{ source: a, device: /d, rdiffbase: /dev/a }', /list it under "properties"/],
		[
			'an offset that readback cannot be told',
			'{ source: a, device: /d, offset: 4Q, readback: true }',
			/cannot be told/,
		],
	] as const) {
		it(`refuses ${what}`, () => refused(`images: [${body}]`, message));
	}

	it('refuses handlers in the wrong list', () => {
		refused(`files: [${rdiff()}]`, /rdiff_image installs images/);
		refused('archives: [{ type: delta, source: a.zck, path: /a }]', /images and files/);
		refused('images: [{ type: rdiff_file, source: a, base: b, result: c }]', /rdiff_file installs files/);
	});

	it('refuses rdiff_file with a base of its own or into a file system that is mounted for it', () => {
		const file = (more: string) => `files: [{ type: rdiff_file, source: a, path: /a, base: b, result: c, ${more} }]`;
		refused(file('properties: { rdiffbase: /b }'), /its base is the file at path/);
		refused(file('device: /dev/x, filesystem: ext4'), /mounted only while installing.*readback: false/);
		assert.equal(sections(file('device: /dev/x, filesystem: ext4, readback: false')).length, 1);
	});

	it('takes a zckfile instead of a url, for servers that tell the address', () => {
		const body = delta('').replace('url: "http://s/a.zck"', 'url: dynamic, zckfile: a.zck');
		assert.equal(sections(`images: [${body}]`)[0]?.images[0]?.properties.zckfile, 'a.zck');
	});
});

suite('readback scripts', () => {
	const readback = (device: string, more: object = {}) => ({
		attributes: { type: 'readback', device, ...more },
		properties: { sha256: result.sha256, size: '100', offset: '0' },
	});

	it('come first, so that a script that changes the result comes after them', () => {
		const [section] = sections(`images: [${delta()}]\nscripts: [{ source: a.sh, type: postinstall }]`);
		assert.deepEqual(section?.scripts[0], readback('/dev/b'));
		assert.equal(section?.scripts[1]?.filename, 'a.sh');
	});

	it('have the conditions of their image, so that what is skipped is not read back', () => {
		const [section] = sections(`images: [${rdiff('name: root, version: "2", install-if-different: true,')}]`);
		assert.deepEqual(section?.scripts, [
			readback('/dev/b', { name: 'root', version: '2', 'install-if-different': true }),
		]);
	});

	it('stand in the selection whose device they are for', () => {
		const copy = (device: string) => `images: [${rdiff('').replace('/dev/b', device)}]`;
		const both = sections(`selections:\n  stable.copyA: { ${copy('/dev/x')} }\n  stable.copyB: { ${copy('/dev/y')} }`);
		assert.deepEqual(
			both.map(({ scripts }) => scripts),
			[[readback('/dev/x')], [readback('/dev/y')]],
		);
	});

	it('are not lost where a selection has scripts of its own, nor are the general scripts where it has images', () => {
		const own = sections(
			`images: [${delta()}]\nselections:\n  stable.a: { scripts: [{ source: s, type: lua }] }\n  stable.b: { bootenv: { x: y } }`,
		);
		assert.deepEqual(
			own[1]?.scripts.map(({ attributes }) => attributes.type),
			['readback', 'lua'],
		);
		assert.deepEqual(own[2]?.scripts, []); // It takes the general ones.
		const images = sections(`scripts: [{ source: s, type: lua }]\nselections:\n  stable.a: { images: [${delta()}] }`);
		assert.deepEqual(
			images[1]?.scripts.map(({ attributes }) => attributes.type),
			['readback', 'lua'],
		);
	});

	it('are refused where a selection could only run those of images that it does not install', () => {
		refused(
			`images: [${delta()}]\nselections:\n  stable.a: { images: [{ source: raw.img, device: /dev/b }] }`,
			/selections\.stable\.a: it installs other images/,
		);
	});

	it('are refused for results that the handler cannot check', () => {
		for (const size of [0, 2 ** 32]) {
			assert.throws(() => sections(`images: [${delta()}]`, { ...facts, result: { ...result, size } }), {
				message: /readback checks 1 to 4294967295.*readback: false/,
			});
		}
	});

	it('read offsets as SWUpdate does', () => {
		for (const [offset, bytes] of [
			['512', '512'],
			['4K', '4096'],
			['1M', '1048576'],
			['0x10', '16'],
		]) {
			const [section] = sections(`images: [{ source: a, device: /d, readback: true, offset: "${offset}" }]`);
			assert.equal(section?.scripts[0]?.properties.offset, bytes);
		}
	});
});

suite('requests of a delta', () => {
	it('have as many ranges as the release asks for by itself', () => {
		assert.deepEqual(['2022.12', '2024.12', '2026.04', '2026.05', '2027.01'].map(maxRangesOf), [150, 150, 150, 10, 10]);
	});

	it('are counted at their longest, and refused where SWUpdate cannot hold them', () => {
		assert.equal(longestRequest('http://s/a', 150, 36_000_000, 10_000), 10 + 150 * 18);
		assert.equal(longestRequest('http://s/a', 150, 36_000_000, 10), 10 + 5 * 18);
		assert.equal(requestFault({ url: 'http://s/a' }, 10 ** 9, 10_000), undefined);
		const many = { url: `http://s/${'a'.repeat(1000)}`, 'max-ranges': '1024' };
		assert.equal(requestFault(many, 10 ** 9, 10_000), undefined);
		assert.match(requestFault(many, 10 ** 15, 10_000) ?? '', /SWUpdate holds 32766: lower max-ranges/);
	});
});
