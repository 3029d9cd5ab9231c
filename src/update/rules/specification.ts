// The update specification: a small YAML from which a .swu is packed. This file decides what is allowed in one and what
// it means; it names SWUpdate's attributes as SWUpdate does. It leaves out the files that it names (plan.ts takes facts
// about them) and whether a device has the handlers. Of selections, know what SWUpdate does (parser.c, find_node): for each of
// images, files, scripts and bootenv by itself, a device takes its selection's list where there is one, else the general
// one; archives are among the files.

import { nameFault } from '../../format/cpio/header.ts';
import type { ArtifactKind } from '../../format/sw-description/description.ts';
import { deltaFault } from './delta-artifact.ts';
import { readbackFault } from './readback.ts';
import {
	choice,
	elements,
	flag,
	isSequence,
	mapping,
	openYaml,
	type Place,
	pairs,
	refuse,
	text,
} from './yaml-reader.ts';

/** How a payload is compressed on its way; the device expands it while it installs. */
export const compressions = ['zlib', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

/** One artifact of the specification. */
export interface ArtifactToPack {
	readonly kind: ArtifactKind;
	/** Where it stands in the specification, for messages: images[0]. */
	readonly where: string;
	/** The local file, relative to the specification; absent for a script that needs no data. */
	readonly source?: string;
	/** The member's name in the .swu; by default the last part of `source`. */
	readonly filename?: string;
	/** Compress the source while packing. */
	readonly compress?: Compression;
	/** Encrypt the source while packing, with the key that packing is given. */
	readonly encrypt?: boolean;
	/** The local file with what must come out of a delta; relative to the specification, as `source`. */
	readonly result?: string;
	/** The local file that an rdiff delta was made from. */
	readonly base?: string;
	/** Pack a delta although nothing says what it gives. */
	readonly unverified?: boolean;
	/** Let the device read the result back and compare its SHA-256; by default for deltas (see readback.ts). */
	readonly readback?: boolean;
	readonly attributes: Readonly<Record<string, string | boolean>>;
	readonly properties: Readonly<Record<string, string | readonly string[]>>;
}

export interface SectionToPack {
	/** Empty for every device, or the selection: ['stable', 'copyA']. */
	readonly path: readonly string[];
	readonly artifacts: readonly ArtifactToPack[];
	readonly bootenv: readonly { readonly name: string; readonly value: string }[];
}

export interface UpdateSpecification {
	readonly version: string;
	readonly description?: string;
	readonly hardwareCompatibility: readonly string[];
	readonly transactionMarker?: boolean;
	readonly stateMarker?: boolean;
	readonly reboot?: boolean;
	readonly sections: readonly SectionToPack[];
}

// SWUpdate keeps these in buffers of 256 bytes (512 for the description) and silently cuts what is longer: refuse it.
const short = text(255);
/** The rawfile and archive handlers build paths in 255 bytes, with room for the mount point of another device. */
const pathText = text(200);

const common = {
	source: text(4095),
	filename: memberName,
	type: short,
	name: short,
	version: short,
	data: short,
	'install-if-different': flag,
	'install-if-higher': flag,
	properties,
	encrypt: flag,
	encrypted: flag,
	ivt: vector,
};
const installed = {
	...common,
	device: short,
	compress: choice(compressions),
	compressed: choice(compressions),
	'installed-directly': flag,
};
/** What packing must know of a delta, and the check of what it gives. */
const proven = { result: text(4095), base: text(4095), unverified: flag, readback: flag };
const entryFields = {
	images: { ...installed, ...proven, volume: short, mtdname: short, offset: text(31) },
	files: {
		...installed,
		...proven,
		path: pathText,
		filesystem: short,
		'create-destination': flag,
		'atomic-install': flag,
	},
	archives: {
		...installed,
		path: pathText,
		filesystem: short,
		'create-destination': flag,
		'preserve-attributes': flag,
	},
	scripts: { ...common, device: short },
} as const;

/** Attributes that SWUpdate's handlers read as properties. */
const propertyFlags = ['create-destination', 'atomic-install'];

const permissionsHint =
	'The rawfile handler of SWUpdate cannot set permissions; list a tar file under "archives", which keeps them.';
const entryHints: Readonly<Record<string, string>> = {
	handler: 'SWUpdate calls it "type".',
	sha256: 'It is computed while packing.',
	size: 'It is computed while packing.',
	permissions: permissionsHint,
	mode: permissionsHint,
	destination: 'SWUpdate calls it "path" for files and "device" for images.',
	...Object.fromEntries(
		['url', 'zckfile', 'chain', 'max-ranges', 'source-size', 'zckloglevel', 'debug-chunks', 'rdiffbase'].map((name) => [
			name,
			'The handler reads it as a property: list it under "properties".',
		]),
	),
};
/** Fields that are for Caisson; the others are SWUpdate's attributes. */
const ownFields = ['source', 'filename', 'compress', 'encrypt', 'result', 'base', 'unverified', 'readback'];

const sectionFields = {
	images: entries('images'),
	files: entries('files'),
	archives: entries('archives'),
	scripts: entries('scripts'),
	bootenv: bootenv,
};

const rootFields = {
	version: short,
	description: text(511),
	'hardware-compatibility': hardwareCompatibility,
	bootloader_transaction_marker: flag,
	bootloader_state_marker: flag,
	reboot: flag,
	selections,
	...sectionFields,
};

/**
 * Reads an update specification, YAML or JSON.
 * @throws CaissonError update-specification-invalid naming the line and the field
 */
export function parseUpdateSpecification(specification: string): UpdateSpecification {
	const root = openYaml(specification);
	const read = mapping(root, rootFields);
	if (read.version === undefined) refuse(root, 'version is missing: the version of this update, for example "1.2.0".');
	if (read['hardware-compatibility'] === undefined) {
		refuse(root, 'hardware-compatibility is missing: the revisions of the hardware that may install this, or "any".');
	}
	const common: SectionToPack = section([], read);
	const sections = [...(isEmpty(common) ? [] : [common]), ...(read.selections ?? [])];
	if (sections.every(isEmpty))
		refuse(root, 'holds nothing to install: add images, files, archives, scripts or bootenv.');
	return {
		version: read.version,
		...(read.description === undefined ? {} : { description: read.description }),
		hardwareCompatibility: read['hardware-compatibility'],
		...(read.bootloader_transaction_marker === undefined
			? {}
			: { transactionMarker: read.bootloader_transaction_marker }),
		...(read.bootloader_state_marker === undefined ? {} : { stateMarker: read.bootloader_state_marker }),
		...(read.reboot === undefined ? {} : { reboot: read.reboot }),
		sections,
	};
}

type ReadSection = { readonly [Name in keyof typeof sectionFields]?: ReturnType<(typeof sectionFields)[Name]> };

function section(path: readonly string[], read: ReadSection): SectionToPack {
	return {
		path,
		artifacts: [...(read.images ?? []), ...(read.files ?? []), ...(read.archives ?? []), ...(read.scripts ?? [])],
		bootenv: read.bootenv ?? [],
	};
}

function isEmpty(section: SectionToPack): boolean {
	return section.artifacts.length === 0 && section.bootenv.length === 0;
}

/** Selections: "set.mode" to what a device started with `-e set,mode` installs. */
function selections(place: Place): SectionToPack[] {
	return pairs(place).map(([name, value, key]) => {
		const path = name.split('.');
		if (path.length !== 2 || !path.every((step) => /^[A-Za-z][-A-Za-z0-9_]*$/.test(step))) {
			refuse(key, 'must be a software set and a mode, for example stable.copyA.');
		}
		if (Object.hasOwn(rootFields, path[0] as string))
			refuse(key, `${path[0]} is a name that sw-description needs itself.`);
		return section(path, mapping(value, sectionFields));
	});
}

function entries(kind: keyof typeof entryFields): (place: Place) => ArtifactToPack[] {
	return (place) => elements(place).map((element) => entry(kind, element));
}

type ReadEntry = Readonly<Record<string, string | boolean | Readonly<Record<string, string | readonly string[]>>>>;

function entry(kind: keyof typeof entryFields, place: Place): ArtifactToPack {
	const read = mapping(place, entryFields[kind], entryHints) as ReadEntry;
	const attributes: Record<string, string | boolean> = {};
	const properties = { ...(read.properties as Record<string, string | readonly string[]> | undefined) };
	if (kind === 'archives') Object.assign(attributes, { type: 'archive', 'preserve-attributes': true });
	for (const [name, value] of Object.entries(read)) {
		if (typeof value === 'object' || ownFields.includes(name)) continue;
		if (propertyFlags.includes(name)) properties[name] = String(value);
		else attributes[name] = value;
	}
	attributes.type ??= defaultType(kind, attributes, place);
	checkEntry(kind, read, attributes, place);
	if (read.compress !== undefined) attributes.compressed = read.compress as string;
	const artifact: ArtifactToPack = {
		kind: kind === 'archives' ? 'files' : kind,
		where: place.path,
		...Object.fromEntries(ownFields.flatMap((name) => (read[name] === undefined ? [] : [[name, read[name]]]))),
		attributes,
		properties,
	};
	const fault = deltaFault({ ...artifact, kind }) ?? readbackFault(artifact) ?? encryptionFault(artifact);
	if (fault !== undefined) refuse(place, fault);
	return artifact;
}

/** The handler that SWUpdate itself would take; written out, so that the description says it. */
function defaultType(kind: string, attributes: Readonly<Record<string, unknown>>, place: Place): string {
	if (kind === 'files') return 'rawfile';
	if (kind === 'images') return attributes.volume === undefined ? 'raw' : 'ubivol';
	refuse(place, 'needs a type: lua, shellscript, preinstall, postinstall, readback or another script handler.');
}

function checkEntry(
	kind: keyof typeof entryFields,
	read: ReadEntry,
	attributes: Readonly<Record<string, unknown>>,
	place: Place,
): void {
	if (read.source === undefined && kind !== 'scripts') refuse(place, 'needs a source: the file to pack.');
	if (read.source === undefined && read.filename !== undefined) refuse(place, 'has a filename but no source to pack.');
	if (read.compress !== undefined && read.compressed !== undefined) {
		refuse(
			place,
			'has both compress (Caisson compresses the source) and compressed (the source already is): keep one.',
		);
	}
	const type = attributes.type;
	if (type === 'raw' && attributes.device === undefined)
		refuse(place, 'needs a device: where the raw image is written.');
	if (type === 'rawfile' || type === 'archive' || type === 'tar') {
		const path = attributes.path;
		if (path === undefined) refuse(place, `needs a path: where the ${kind === 'files' ? 'file' : 'archive'} goes.`);
		if (!String(path).startsWith('/')) refuse(place, 'needs a path that starts with "/".');
		if (String(path).split('/').includes('..')) refuse(place, 'has a path with "..".');
	}
	if (attributes.filesystem !== undefined && attributes.device === undefined) {
		refuse(place, 'has a filesystem but no device to mount.');
	}
	for (const condition of ['install-if-different', 'install-if-higher']) {
		if (attributes[condition] === true && (attributes.name === undefined || attributes.version === undefined)) {
			refuse(place, `has ${condition}, so it needs a name and a version to compare.`);
		}
	}
}

/** What cannot be meant by encrypt, encrypted and ivt; undefined where all is well. */
function encryptionFault({ source, encrypt, attributes }: ArtifactToPack): string | undefined {
	const { encrypted, ivt, type } = attributes;
	if (encrypt === true && source === undefined) return 'has encrypt but no source to encrypt.';
	if (encrypt === true && (encrypted !== undefined || ivt !== undefined)) {
		return 'has both encrypt (Caisson encrypts the source) and encrypted or ivt (the source already is): keep one.';
	}
	if (ivt !== undefined && encrypted !== true) return 'has an ivt, so it needs encrypted: true as well.';
	if (encrypt !== true && encrypted !== true) return undefined;
	// The chunks of a zchunk delta come from the server as they are: an encrypted header would hide nothing.
	if (type === 'delta') return 'cannot be encrypted: a device fetches the chunks of a zchunk delta in the clear.';
	// handlers/swuforward_handler.c refuses it.
	if (type === 'swuforward') return 'cannot be encrypted: the handler swuforward of SWUpdate refuses it.';
	return undefined;
}

function vector(place: Place): string {
	const digits = short(place);
	// include/swupdate_image.h, ivt_ascii: 16 bytes in hexadecimal.
	if (!/^[0-9A-Fa-f]{32}$/.test(digits)) refuse(place, 'must be 32 hexadecimal digits: the initialization vector.');
	return digits;
}

function memberName(place: Place): string {
	const name = short(place);
	const fault = nameFault(name);
	if (fault !== undefined) refuse(place, `cannot be a member's name: ${fault}.`);
	if (name === 'sw-description' || name === 'sw-description.sig') refuse(place, `${name} is Caisson’s to write.`);
	return name;
}

function properties(place: Place): Readonly<Record<string, string | readonly string[]>> {
	const result: Record<string, string | readonly string[]> = {};
	for (const [name, value, key] of pairs(place)) {
		if (!/^[A-Za-z*][-A-Za-z0-9_*]*$/.test(name)) refuse(key, 'cannot be a name in sw-description.');
		result[name] = isSequence(value) ? elements(value).map(text(1023)) : propertyText(value);
	}
	return result;
}

/** Properties are texts to SWUpdate; true and false are so common that they need no quotes here. */
function propertyText(place: Place): string {
	const value = (place.node as { value?: unknown }).value;
	return typeof value === 'boolean' ? String(value) : text(1023)(place);
}

/** A mapping of variables to values, as bootenv; a value may be empty, which unsets the variable. */
function bootenv(place: Place): { name: string; value: string }[] {
	return pairs(place).map(([name, value, key]) => {
		if (!/^[^\s=\p{Cc}]{1,255}$/u.test(name)) refuse(key, 'cannot be the name of a bootloader variable.');
		const content = (value.node as { value?: unknown }).value;
		return { name, value: content === '' ? '' : short(value) };
	});
}

function hardwareCompatibility(place: Place): string[] {
	if (!isSequence(place)) {
		if ((place.node as { value?: unknown }).value === 'any') return ['#RE:.*'];
		refuse(place, 'must be a list of revisions (regular expressions start with "#RE:"), or the word any.');
	}
	const revisions = elements(place).map(short);
	if (revisions.length === 0) refuse(place, 'must name at least one revision, or be the word any.');
	return revisions;
}
