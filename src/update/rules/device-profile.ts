// A device profile: what the pre-flight check needs to know of a device to say what SWUpdate would do there. This file
// decides what may stand in one and what is assumed where nothing is said. It leaves out reading files that it names, and
// judging.

import { debianHandlers } from './preflight-handlers.ts';
import { choice, elements, flag, mapping, openYaml, type Place, pairs, refuse, text } from './yaml-reader.ts';

export interface DeviceProfile {
	/** The release of SWUpdate, year and month. */
	readonly release: string;
	/** What checks signatures: wolfSSL in Debian 13, OpenSSL before and after. */
	readonly signatureLibrary: 'wolfssl' | 'openssl';
	/** Absent: the device does not know (no /etc/hwrevision, no -H). */
	readonly hardware: { readonly board: string; readonly revision: string } | undefined;
	/** swupdate -e SET,MODE. */
	readonly selection: { readonly softwareSet: string; readonly mode: string } | undefined;
	/** swupdate -k: certificates for CMS, or a bare key for raw RSA signatures; and --cert-purpose. */
	readonly trusted: { readonly certificates: string } | { readonly publicKey: string };
	readonly purpose: 'emailProtection' | 'codeSigning';
	/** /etc/sw-versions. */
	readonly installedVersions: ReadonlyMap<string, string>;
	/** swupdate -N, -R and --max-version. */
	readonly noDowngrading: string | undefined;
	readonly noReinstalling: string | undefined;
	readonly maximumVersion: string | undefined;
	readonly handlers: ReadonlySet<string>;
	readonly bootloader: 'none' | 'uboot' | 'grub' | 'ebg' | 'cboot';
	/** Whether the boot loader's environment can be read and written. */
	readonly bootloaderEnvironment: boolean | undefined;
	/** swupdate -M and -m: markers off whatever the description says. */
	readonly noTransactionMarker: boolean;
	readonly noStateMarker: boolean;
	readonly targets: ReadonlyMap<string, TargetProfile>;
	readonly fileSystems: ReadonlyMap<string, { readonly free: number | undefined }>;
	/** Directories that exist; undefined: not known. */
	readonly directories: ReadonlySet<string> | undefined;
	readonly encryptionKey: boolean;
}

/** A device or a file that images are written to or read from. */
export interface TargetProfile {
	/** Bytes; undefined: not known. */
	readonly size: number | undefined;
	/** A local file with what the target holds now. */
	readonly content: string | undefined;
	/** SHA-256 of what it holds now. */
	readonly sha256: string | undefined;
	/** What it should hold after the update: SHA-256 of its first `size` bytes. */
	readonly becomes: { readonly sha256: string; readonly size: number } | undefined;
}

const short = text(255);
const bootloaders = ['none', 'uboot', 'grub', 'ebg', 'cboot'] as const;
const largestSize = 2 ** 50;

const fields = {
	swupdate: (place: Place) => mapping(place, { version: release, 'signature-library': choice(['wolfssl', 'openssl']) }),
	hardware: (place: Place) => mapping(place, { board: short, revision: short }),
	selection,
	trust: (place: Place) =>
		mapping(place, {
			certificates: text(4095),
			'public-key': text(4095),
			purpose: choice(['emailProtection', 'codeSigning']),
		}),
	'installed-versions': (place: Place) => new Map(pairs(place).map(([name, value]) => [name, short(value)])),
	limits: (place: Place) => mapping(place, { 'no-downgrading': short, 'no-reinstalling': short, 'max-version': short }),
	handlers: (place: Place) => mapping(place, { only: words, add: words, remove: words }),
	bootloader: choice(bootloaders),
	'bootloader-environment': flag,
	markers: (place: Place) => mapping(place, { transaction: flag, state: flag }),
	targets: (place: Place) => new Map(pairs(place).map(([path, value, key]) => [absolute(path, key), target(value)])),
	'file-systems': (place: Place) =>
		new Map(
			pairs(place).map(([path, value, key]) => [absolute(path, key), { free: mapping(value, { free: bytes }).free }]),
		),
	directories: (place: Place) => new Set(elements(place).map((each) => absolute(short(each), each))),
	'encryption-key': flag,
};

const hints = {
	'sw-versions': 'It is called installed-versions.',
	devices: 'It is called targets.',
	mounts: 'It is called file-systems.',
	certificates: 'It stands below trust.',
	board: 'It stands below hardware.',
};

/**
 * Reads a device profile, YAML or JSON.
 * @throws CaissonError update-specification-invalid naming the line and the field
 */
export function parseDeviceProfile(profile: string): DeviceProfile {
	const root = openYaml(profile);
	const read = mapping(root, fields, hints);
	const version = read.swupdate?.version;
	if (version === undefined)
		refuse(root, 'swupdate.version is missing: the release on the device, for example "2024.12".');
	const { hardware } = read;
	if (hardware !== undefined && (hardware.board === undefined || hardware.revision === undefined)) {
		refuse(root, 'hardware needs a board and a revision, the two words of /etc/hwrevision.');
	}
	return {
		release: version,
		signatureLibrary: read.swupdate?.['signature-library'] ?? (version.startsWith('2024.') ? 'wolfssl' : 'openssl'),
		hardware: hardware as { board: string; revision: string } | undefined,
		selection: read.selection,
		trusted: trusted(root, read.trust?.certificates, read.trust?.['public-key']),
		purpose: read.trust?.purpose ?? 'emailProtection',
		installedVersions: read['installed-versions'] ?? new Map(),
		noDowngrading: read.limits?.['no-downgrading'],
		noReinstalling: read.limits?.['no-reinstalling'],
		maximumVersion: read.limits?.['max-version'],
		handlers: handlersOf(read.handlers),
		bootloader: read.bootloader ?? 'none',
		bootloaderEnvironment: read['bootloader-environment'],
		noTransactionMarker: read.markers?.transaction === false,
		noStateMarker: read.markers?.state === false,
		targets: read.targets ?? new Map(),
		fileSystems: read['file-systems'] ?? new Map(),
		directories: read.directories,
		encryptionKey: read['encryption-key'] ?? false,
	};
}

function trusted(
	root: Place,
	certificates: string | undefined,
	publicKey: string | undefined,
): DeviceProfile['trusted'] {
	if (certificates !== undefined && publicKey !== undefined) {
		refuse(root, 'trust has certificates and a public-key; a device is given one of them with -k.');
	}
	if (certificates !== undefined) return { certificates };
	if (publicKey !== undefined) return { publicKey };
	refuse(root, 'trust.certificates is missing: the file that the device is given with -k.');
}

function handlersOf(read: { only?: string[]; add?: string[]; remove?: string[] } | undefined): Set<string> {
	const handlers = new Set(read?.only ?? debianHandlers.keys());
	for (const name of read?.add ?? []) handlers.add(name);
	for (const name of read?.remove ?? []) handlers.delete(name);
	return handlers;
}

function release(place: Place): string {
	const value = short(place);
	if (!/^20[1-9][0-9]\.(0[1-9]|1[0-2])(\.[0-9]+)?$/.test(value)) {
		refuse(place, 'must be a release of SWUpdate, year and month, for example "2024.12".');
	}
	return value.slice(0, 7);
}

function selection(place: Place): { softwareSet: string; mode: string } {
	const [softwareSet, mode, ...rest] = short(place).split(',');
	if (softwareSet === undefined || mode === undefined || softwareSet === '' || mode === '' || rest.length > 0) {
		refuse(place, 'must be a software set and a mode, as for swupdate -e: stable,copyA.');
	}
	return { softwareSet, mode };
}

function words(place: Place): string[] {
	return elements(place).map(short);
}

function target(place: Place): TargetProfile {
	const read = mapping(place, { size: bytes, content: text(4095), sha256: digest, becomes });
	return { size: read.size, content: read.content, sha256: read.sha256, becomes: read.becomes };
}

function becomes(place: Place): { sha256: string; size: number } {
	const { sha256, size } = mapping(place, { sha256: digest, size: bytes });
	if (sha256 === undefined || size === undefined) refuse(place, 'needs sha256 and size.');
	return { sha256, size };
}

function digest(place: Place): string {
	const value = short(place);
	if (!/^[0-9a-f]{64}$/.test(value)) refuse(place, 'must be a SHA-256: 64 hexadecimal digits in lower case.');
	return value;
}

/** A number of bytes, or a number with KiB, MiB, GiB. */
function bytes(place: Place): number {
	const [, digits, unit] = /^([0-9]{1,15})\s*([KMG]iB)?$/.exec(short(place)) ?? [];
	const value = Number(digits) * ({ KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }[unit ?? ''] ?? 1);
	if (digits === undefined || value > largestSize)
		refuse(place, 'must be a number of bytes; KiB, MiB or GiB may follow.');
	return value;
}

function absolute(path: string, place: Place): string {
	if (!path.startsWith('/') || path.includes('/../') || path.endsWith('/..'))
		refuse(place, 'must be an absolute path.');
	return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
