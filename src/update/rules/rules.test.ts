// What an update specification allows, what it becomes, and how its faults are said.

import assert from 'node:assert/strict';
import { it, describe as suite } from 'node:test';
import { memberFindings } from './check.ts';
import { describe, planMembers } from './plan.ts';
import { parseUpdateSpecification } from './specification.ts';

const head = 'version: "1.0"\nhardware-compatibility: any\n';
const parse = (body: string) => parseUpdateSpecification(head + body);
const facts = { size: 5, sha256: 'ab'.repeat(32) };
const described = (body: string) => describe(parse(body), () => facts);
const firstImage = (body: string) => described(body).sections[0]?.images[0];
const firstFile = (body: string) => described(body).sections[0]?.files[0];

function refused(specification: string, message: RegExp): void {
	assert.throws(() => parseUpdateSpecification(specification), { code: 'update-specification-invalid', message });
}

suite('update specification', () => {
	it('takes a version as it is written, so that 1.10 stays 1.10', () => {
		const { version } = parseUpdateSpecification('version: 1.10\nhardware-compatibility: any\nbootenv: { a: 1 }\n');
		assert.equal(version, '1.10');
	});

	it('takes the handler raw for images and rawfile for files, and writes it out', () => {
		assert.equal(firstImage('images: [{ source: a, device: /dev/x }]')?.attributes.type, 'raw');
		assert.equal(firstImage('images: [{ source: a, volume: x }]')?.attributes.type, 'ubivol');
		assert.equal(firstFile('files: [{ source: a, path: /a }]')?.attributes.type, 'rawfile');
	});

	it('gives archives their handler and keeps their permissions', () => {
		const archive = firstFile('archives: [{ source: a.tar, path: /opt, create-destination: true }]');
		assert.deepEqual(archive?.attributes, { type: 'archive', 'preserve-attributes': true, path: '/opt' });
		assert.deepEqual(archive?.properties, { 'create-destination': 'true' });
	});

	it('hands on what the rawfile handler reads as properties', () => {
		const file = firstFile(
			'files: [{ source: a, path: /a, create-destination: true, atomic-install: false, properties: { x: [a, b], y: true } }]',
		);
		assert.deepEqual(file?.properties, {
			x: ['a', 'b'],
			y: 'true',
			'create-destination': 'true',
			'atomic-install': 'false',
		});
	});

	it('needs the transaction marker only where bootloader variables change', () => {
		assert.deepEqual(described('files: [{ source: a, path: /a }]').settings, {
			bootloader_transaction_marker: false,
			bootloader_state_marker: false,
		});
		assert.deepEqual(described('bootenv: { bootpart: 2, empty: "" }').settings, {
			bootloader_transaction_marker: true,
			bootloader_state_marker: false,
		});
		const chosen = described(
			'bootloader_transaction_marker: false\nbootloader_state_marker: true\nreboot: false\nbootenv: { a: b }',
		);
		assert.deepEqual(chosen.settings, {
			bootloader_transaction_marker: false,
			bootloader_state_marker: true,
			reboot: false,
		});
	});

	it('reads selections, and packs a member once that two of them share', () => {
		const specification = parse(
			'selections:\n' +
				'  stable.copyA: { images: [{ source: root, device: /dev/a }], bootenv: { part: a } }\n' +
				'  stable.copyB: { images: [{ source: root, device: /dev/b }], bootenv: { part: b } }\n',
		);
		assert.deepEqual(
			specification.sections.map(({ path }) => path),
			[
				['stable', 'copyA'],
				['stable', 'copyB'],
			],
		);
		assert.deepEqual(planMembers(specification), [
			{ name: 'root', source: 'root', where: 'selections.stable.copyA.images[0]' },
		]);
	});

	it('names a compressed member by its compression and tells its expanded size', () => {
		const specification = parse('images: [{ source: dir/root.ext4, device: /dev/a, compress: zstd }]');
		assert.equal(planMembers(specification)[0]?.name, 'root.ext4.zst');
		const image = describe(specification, () => ({ ...facts, expandedSize: 99 })).sections[0]?.images[0];
		assert.equal(image?.attributes.compressed, 'zstd');
		assert.deepEqual(image?.properties, { 'decompressed-size': '99' });
	});

	it('allows a script that needs no data, and asks every script for its type', () => {
		const [section] = described('scripts: [{ type: readback, device: /dev/a, properties: { size: 0x10 } }]').sections;
		assert.deepEqual(section?.scripts, [
			{ attributes: { type: 'readback', device: '/dev/a' }, properties: { size: '0x10' } },
		]);
		refused(`${head}scripts: [{ source: a.sh }]`, /scripts\[0\]: needs a type/);
	});

	it('puts the SHA-256 on every artifact', () => {
		const [section] = described(
			'images: [{ source: a, device: /d }]\nfiles: [{ source: b, path: /b }]\nscripts: [{ source: c, type: postinstall }]',
		).sections;
		for (const artifact of [section?.images[0], section?.files[0], section?.scripts[0]]) {
			assert.equal(artifact?.sha256, facts.sha256);
		}
	});

	it('names line and field of a fault', () => {
		refused(`${head}files:\n  - source: a\n    path: b\n`, /^Line 4: files\[0\]: needs a path that starts with "\/"/);
		refused(
			`${head}files:\n  - source: 1\n    path: /b\n    installed-directly: maybe\n`,
			/^Line 6: .*true or false, not "maybe"/,
		);
	});

	it('suggests the nearest known key', () => {
		refused(`${head}imgaes: []`, /imgaes: is not known here\. Did you mean "images"\?/);
		refused(`${head}files: [{ source: a, pth: /a }]`, /files\[0\]\.pth: .*"path"/);
		refused(`${head}files: [{ source: a, path: /a, qqqqqqqq: 1 }]`, /Known: source, filename/);
	});

	it('explains keys that are called otherwise or are not possible', () => {
		refused(`${head}files: [{ source: a, handler: rawfile }]`, /SWUpdate calls it "type"/);
		refused(
			`${head}files: [{ source: a, path: /a, permissions: 0755 }]`,
			/cannot set permissions; list a tar file under "archives"/,
		);
	});

	const faults: readonly (readonly [what: string, specification: string, message: RegExp])[] = [
		['an empty text', '', /empty/],
		['a text that is no YAML', 'a: [', /^Line 1/],
		['a list instead of a mapping', '- a', /must be a mapping/],
		['a key that is there twice', `${head}version: "2"`, /Line 3/],
		['no version', 'hardware-compatibility: any\nbootenv: { a: b }', /version is missing/],
		['no hardware-compatibility', 'version: "1"\nbootenv: { a: b }', /hardware-compatibility is missing/],
		['no revision', 'version: "1"\nhardware-compatibility: []\nbootenv: { a: b }', /at least one revision/],
		['nothing to install', head, /nothing to install/],
		['an alias', `${head}files: [&x { source: a, path: /a }, *x ]`, /aliases are not used/],
		['a missing source', `${head}files: [{ path: /a }]`, /needs a source/],
		['an image without device', `${head}images: [{ source: a }]`, /needs a device/],
		['a path with ..', `${head}files: [{ source: a, path: /a/../b }]`, /path with "\.\."/],
		['a member name with /', `${head}files: [{ source: a, path: /a, filename: b/c }]`, /filename: .*contains "\/"/],
		[
			'a member name that is taken',
			`${head}files: [{ source: a, path: /a, filename: sw-description }]`,
			/Caisson’s to write/,
		],
		[
			'a text longer than SWUpdate holds',
			`version: "${'1'.repeat(256)}"`,
			/version: has 256 bytes; SWUpdate holds at most 255/,
		],
		['a control character', 'version: "1\\u0007"', /control character/],
		[
			'an unknown compression',
			`${head}images: [{ source: a, device: /d, compress: xz }]`,
			/one of zlib, zstd, not "xz"/,
		],
		[
			'both ways to compress',
			`${head}images: [{ source: a, device: /d, compress: zstd, compressed: zstd }]`,
			/keep one/,
		],
		[
			'a condition without a version',
			`${head}images: [{ source: a, device: /d, install-if-higher: true }]`,
			/needs a name and a version/,
		],
		[
			'a file system without a device',
			`${head}files: [{ source: a, path: /a, filesystem: ext4 }]`,
			/no device to mount/,
		],
		['a selection without a mode', `${head}selections: { stable: { bootenv: { a: b } } }`, /software set and a mode/],
		['a selection named like a setting', `${head}selections: { version.x: { bootenv: { a: b } } }`, /needs itself/],
		['a variable that cannot be', `${head}bootenv: { "a=b": c }`, /name of a bootloader variable/],
	];
	for (const [what, specification, message] of faults) {
		it(`refuses ${what}`, () => refused(specification, message));
	}

	it('refuses one member name for two contents', () => {
		const specification = parse('files: [{ source: x/a, path: /a }, { source: y/a, path: /b }]');
		assert.throws(() => planMembers(specification), {
			code: 'update-specification-invalid',
			message: /files\[1\]: the member "a" already holds files\[0\]\. Set another filename/,
		});
	});

	it('refuses a source whose name cannot be a member’s', () => {
		assert.throws(() => planMembers(parse('files: [{ source: dir/.., path: /a }]')), { message: /means a directory/ });
	});
});

suite('members against their description', () => {
	const description = described('files: [{ source: a, path: /a }, { source: b, path: /b }]');
	const good = { size: 5, sha256: facts.sha256 };

	it('finds nothing where every member has its hash', () => {
		assert.deepEqual(
			memberFindings(description, [
				{ name: 'a', ...good },
				{ name: 'b', ...good },
			]),
			[],
		);
	});

	it('finds other bytes, missing members, and members that nothing vouches for', () => {
		const findings = memberFindings(description, [
			{ name: 'a', size: 5, sha256: '00'.repeat(32) },
			{ name: 'stray', ...good },
		]);
		assert.match(findings[0] ?? '', /^files\[0\]: "a" has SHA-256 0000/);
		assert.match(findings[1] ?? '', /^files\[1\]: the member "b" is missing/);
		assert.match(findings[2] ?? '', /"stray" is not in the description/);
		assert.equal(findings.length, 3);
	});

	it('finds an artifact without a hash', () => {
		const artifact = { filename: 'a', attributes: {}, properties: {} };
		const section = { path: [], images: [artifact], files: [], scripts: [], bootenv: [] };
		const [finding] = memberFindings({ ...description, sections: [section] }, [{ name: 'a', ...good }]);
		assert.match(finding ?? '', /has no sha256/);
	});

	it('finds a size that lies', () => {
		const artifact = { filename: 'a', sha256: facts.sha256, attributes: { size: 6 }, properties: {} };
		const section = { path: [], images: [artifact], files: [], scripts: [], bootenv: [] };
		const [finding] = memberFindings({ ...description, sections: [section] }, [{ name: 'a', ...good }]);
		assert.match(finding ?? '', /has 5 bytes; the description says 6/);
	});
});
