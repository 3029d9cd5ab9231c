// The rules of the pre-flight check that tables show best: versions, hardware, the profile. What the check says of whole
// updates is in testing/swupdate-verdict, beside the real program.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseDeviceProfile } from './device-profile.ts';
import { sampleProfile } from './device-profile-sample.ts';
import { hardwareMatches } from './preflight-hardware.ts';
import { compareVersions } from './preflight-versions.ts';

describe('versions', () => {
	it('are compared as numbers, as semantic versions, as text', () => {
		for (const [left, order, right] of [
			['1.2', '=', '1.2.0.0'],
			['1.10', '>', '1.9'],
			['1.2.3.4.5', '=', '1.2.3.4.9'],
			['65535', '<', '65536.0'],
			['1.70000.0', '>', '1.65535.9'],
			['1.0.0-rc.1', '<', '1.0.0'],
			['1.0.0-rc.2', '<', '1.0.0-rc.10'],
			['1.0.0-rc', '<', '1.0.0-rc.1'],
			['1.0.0-1', '<', '1.0.0-a'],
			['1.0.0+build.1', '=', '1.0.0+build.2'],
			['2.0.0-rc.1', '>', '1.9'],
			['spring_2', '<', 'summer_1'],
			['b', '>', 'a_'],
			['', '=', ''],
		] as const) {
			const found = Math.sign(compareVersions(left, right));
			assert.equal(found, { '<': -1, '=': 0, '>': 1 }[order], `${left} ${order} ${right}`);
			assert.equal(Math.sign(compareVersions(right, left)), found === 0 ? 0 : -found, `${right} and ${left}`);
		}
	});
});

describe('hardware', () => {
	it('fits a text or a POSIX expression', () => {
		assert.equal(hardwareMatches('1.0', ['2.0', '1.0']), true);
		assert.equal(hardwareMatches('1.0', ['1', '1.0.0']), false);
		assert.equal(hardwareMatches('1.0', ['#RE:^[[:digit:]]\\.0$']), true);
		assert.equal(hardwareMatches('rev-]', ['#RE:^rev-[]x]$']), true);
		assert.equal(hardwareMatches('1.0', ['#RE:^2']), false);
		assert.equal(hardwareMatches('1.0', []), false);
	});

	it('is not judged by an expression that ECMAScript reads in another way, or slowly', () => {
		for (const expression of ['\\(1\\)\\1', '\\<1', '[[.hyphen.]]', '(a+)+$', '(?=1)', 'a**', '(']) {
			assert.equal(hardwareMatches('1.0', [`#RE:${expression}`]), undefined, expression);
		}
		assert.equal(hardwareMatches('1.0', ['#RE:(', '1.0']), true);
	});
});

describe('a device profile', () => {
	const least = 'swupdate: { version: "2024.12" }\ntrust: { certificates: a.pem }\n';

	it('is read whole', () => {
		const profile = parseDeviceProfile(sampleProfile);
		assert.equal(profile.release, '2024.12');
		assert.deepEqual(profile.selection, { softwareSet: 'stable', mode: 'copyB' });
		assert.equal(profile.targets.get('/dev/mmcblk0p3')?.size, 2 ** 30);
		assert.equal(profile.fileSystems.get('/tmp')?.free, 256 * 2 ** 20);
		assert.ok(
			profile.handlers.has('roundrobin') && !profile.handlers.has('docker_imageload') && profile.handlers.has('raw'),
		);
		assert.equal(profile.noStateMarker, false);
	});

	it('is shown in the documentation as it is printed', () => {
		const page = readFileSync(new URL('../../../docs/update-check.md', import.meta.url), 'utf8');
		assert.equal(/```yaml\n([\s\S]*?)```/.exec(page)?.[1], sampleProfile);
	});

	it('needs only the release and what is trusted', () => {
		const profile = parseDeviceProfile(least);
		assert.equal(profile.signatureLibrary, 'wolfssl');
		assert.equal(profile.bootloader, 'none');
		assert.equal(profile.directories, undefined);
		assert.equal(parseDeviceProfile(least.replace('2024.12', '2026.05')).signatureLibrary, 'openssl');
	});

	it('is refused with the line and the field', () => {
		for (const [text, message] of [
			['trust: { certificates: a }', /swupdate\.version is missing/],
			['swupdate: { version: "2024.12" }', /trust\.certificates is missing/],
			[`${least}sw-versions: {}`, /Line 3: sw-versions: is not known here\. It is called installed-versions/],
			[`${least}selection: stable`, /selection: must be a software set and a mode/],
			[`${least}targets: { /dev/x: { size: 1 GB } }`, /size: must be a number of bytes/],
			[`${least}targets: { dev/x: { size: 1 } }`, /must be an absolute path/],
			[`${least}targets: { /a/../b: { size: 1 } }`, /must be an absolute path/],
			[`${least}targets: { /a: { sha256: FF } }`, /sha256: must be a SHA-256/],
			[`${least}targets: { /a: { becomes: { size: 1 } } }`, /needs sha256 and size/],
			[`${least}hardware: { board: x }`, /needs a board and a revision/],
			[`${least}bootloader: lilo`, /must be one of none, uboot/],
			['swupdate: { version: "24" }\ntrust: { certificates: a }', /must be a release of SWUpdate/],
			['swupdate: { version: "2024.12" }\ntrust: { certificates: a, public-key: b }', /one of them/],
		] as const) {
			assert.throws(() => parseDeviceProfile(text), { code: 'update-specification-invalid', message }, text);
		}
	});
});
