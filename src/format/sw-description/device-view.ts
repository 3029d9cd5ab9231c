// What one device takes from a sw-description: which version, which hardware, which images, files, scripts and variables,
// in the order in which it installs them. It mirrors parser/parser.c of SWUpdate 2024.12, with its faults in its own
// words. It leaves out what is installed already, which handlers there are and everything beyond the text.

import type { LibconfigGroup, LibconfigValue } from './libconfig.ts';
import { type Found, findSetting, followReference, referenceOf, type Selector } from './lookup.ts';

export type ViewedKind = 'image' | 'file' | 'script' | 'partition';

/** An artifact with SWUpdate's names and defaults; texts are empty where the description has none. */
export interface ViewedArtifact {
	readonly kind: ViewedKind;
	/** Where it stands: software.stable.copyA.images[0]. */
	readonly where: string;
	readonly filename: string;
	/** The handler. */
	readonly type: string;
	readonly name: string;
	readonly version: string;
	readonly path: string;
	readonly volume: string;
	readonly device: string;
	readonly filesystem: string;
	/** Lower-case; empty where there is none or it is no SHA-256. */
	readonly sha256: string;
	/** 0 where it is not said. */
	readonly size: number;
	/** Bytes. */
	readonly offset: number;
	readonly compressed: '' | 'zlib' | 'zstd' | 'xz';
	readonly encrypted: boolean;
	readonly installedDirectly: boolean;
	readonly installIfDifferent: boolean;
	readonly installIfHigher: boolean;
	/** The Lua function of the embedded script that may change or drop it. */
	readonly hook: string | undefined;
	readonly properties: ReadonlyMap<string, readonly string[]>;
}

export interface DeviceView {
	readonly version: string;
	readonly hardwareCompatibility: readonly string[];
	readonly stateMarker: boolean;
	readonly transactionMarker: boolean;
	/** Partitions first, then images, then files: SWUpdate's own order. */
	readonly images: readonly ViewedArtifact[];
	readonly scripts: readonly ViewedArtifact[];
	readonly bootenv: readonly { readonly name: string; readonly value: string }[];
	readonly vars: readonly { readonly name: string; readonly value: string }[];
	readonly embeddedScript: string | undefined;
	/** Entries without file name, which SWUpdate passes over, and references that lead nowhere. */
	readonly passedOver: readonly string[];
}

export interface ViewOptions extends Selector {
	/** The text was JSON: a group stands for a list of one. */
	readonly json: boolean;
	/** Compressions of this release. */
	readonly compressions: readonly string[];
}

/** SWUpdate keeps texts in buffers of 256 bytes and cuts what is longer. */
const maximumText = 255;
const maximumEntries = 100_000;

/** What the device reads, or why SWUpdate refuses the description. */
export function viewDescription(root: LibconfigGroup, options: ViewOptions): DeviceView | { readonly fault: string } {
	try {
		return new Viewer(root, options).view();
	} catch (error) {
		if (error instanceof Fault) return { fault: error.message };
		throw error;
	}
}

/** What SWUpdate's parser refuses, in its own words where it has any. */
class Fault extends Error {}

class Viewer {
	readonly #root: LibconfigGroup;
	readonly #options: ViewOptions;
	readonly #passedOver: string[] = [];
	#entriesRead = 0;

	constructor(root: LibconfigGroup, options: ViewOptions) {
		this.#root = root;
		this.#options = options;
	}

	view(): DeviceView {
		const version = this.#find('version');
		if (version === undefined) throw new Fault('Missing version in configuration file');
		const script = this.#find('embedded-script')?.value;
		const hardwareCompatibility = this.#hardware();
		const files = this.#artifacts('files', 'file');
		const images = this.#artifacts('images', 'image');
		const scripts = this.#artifacts('scripts', 'script');
		const bootenv = this.#variables('bootenv', this.#find('bootenv') ?? this.#find('uboot'));
		const vars = this.#variables('vars', this.#find('vars'));
		// SWUpdate puts each list before what it has, so the last one read is installed first.
		const all = [...this.#artifacts('partitions', 'partition'), ...images, ...files];
		return {
			version: text(version.value),
			hardwareCompatibility,
			stateMarker: this.#flag('bootloader_state_marker'),
			transactionMarker: this.#flag('bootloader_transaction_marker'),
			images: all,
			scripts,
			bootenv,
			vars,
			embeddedScript: typeof script === 'string' ? script : undefined,
			passedOver: this.#passedOver,
		};
	}

	#find(field: string): Found | undefined {
		return findSetting(this.#root, field, this.#options);
	}

	/** Both markers are on where nothing says otherwise. */
	#flag(field: string): boolean {
		const value = this.#find(field)?.value;
		return typeof value === 'boolean' ? value : true;
	}

	#hardware(): string[] {
		const found = this.#find('hardware-compatibility');
		if (found === undefined) throw new Fault('HW compatibility not found');
		return this.#elements(found.value).flatMap((each) => (typeof each === 'string' && each !== '' ? [cut(each)] : []));
	}

	/** libconfig's group has one element, its first setting; JSON's object is its own element (get_elem_from_idx). */
	#elements(value: LibconfigValue): readonly LibconfigValue[] {
		if (typeof value !== 'object') return [];
		if (value.kind !== 'group') return value.values;
		if (this.#options.json) return [value];
		return [...value.settings.values()].slice(0, 1);
	}

	#artifacts(list: string, kind: ViewedKind): ViewedArtifact[] {
		const found = this.#find(list);
		return found === undefined ? [] : this.#entries(found, 0, (entry, where) => this.#artifact(entry, where, kind));
	}

	#variables(list: string, found: Found | undefined): { name: string; value: string }[] {
		if (found === undefined) return [];
		return this.#entries(found, 0, (entry) => {
			const name = entry.settings.get('name');
			if (typeof name !== 'string') {
				throw new Fault(list === 'vars' ? 'vars must have name field' : 'No variable set in bootenv section');
			}
			return { name: cut(name), value: text(entry.settings.get('value')) };
		});
	}

	/** The entries of a list, references replaced by the entries of what they lead to. */
	#entries<Entry>(
		found: Found,
		depth: number,
		read: (entry: LibconfigGroup, where: string) => Entry | undefined,
	): Entry[] {
		if (depth > 10) throw new Fault('references lead in a circle');
		return this.#elements(found.value).flatMap((each, index) => {
			const where = `${found.nodes.join('.')}[${index}]`;
			// Lists of references to lists of references grow without end.
			if (++this.#entriesRead > maximumEntries) throw new Fault(`there are more than ${maximumEntries} entries`);
			const reference = referenceOf(each);
			if (reference !== undefined) {
				const link = followReference(this.#root, found.nodes, reference);
				if (link === 'malformed')
					throw new Fault(`the reference ${JSON.stringify(reference)} in ${where} is malformed`);
				if (link === undefined)
					this.#passedOver.push(`${where}: the reference ${JSON.stringify(reference)} leads nowhere`);
				return link === undefined ? [] : this.#entries(link, depth + 1, read);
			}
			const entry: LibconfigGroup =
				typeof each === 'object' && each.kind === 'group' ? each : { kind: 'group', settings: new Map() };
			const made = read(entry, where);
			return made === undefined ? [] : [made];
		});
	}

	#artifact(entry: LibconfigGroup, where: string, kind: ViewedKind): ViewedArtifact | undefined {
		const word = (name: string) => text(entry.settings.get(name));
		const flag = (name: string) => entry.settings.get(name) === true;
		if ((kind === 'image' || kind === 'file') && typeof entry.settings.get('filename') !== 'string') {
			this.#passedOver.push(`${where}: an entry without filename`);
			return undefined;
		}
		const size = entry.settings.get('size');
		const hook = entry.settings.get('hook');
		const sha256 = word('sha256').toLowerCase();
		const artifact = {
			kind,
			where,
			filename: word('filename'),
			name: word('name'),
			version: word('version'),
			path: word('path'),
			volume: kind === 'partition' && word('name') !== '' ? word('name') : word('volume'),
			device: word('device'),
			filesystem: word('filesystem'),
			sha256: /^[0-9a-f]{64}$/.test(sha256) && !/^0+$/.test(sha256) ? sha256 : '',
			size: typeof size === 'number' || typeof size === 'bigint' ? Number(size) : 0,
			offset: offsetOf(entry.settings.get('offset')),
			compressed: this.#compression(entry),
			encrypted: flag('encrypted'),
			installedDirectly: flag('installed-directly'),
			installIfDifferent: flag('install-if-different'),
			installIfHigher: flag('install-if-higher'),
			hook: typeof hook === 'string' ? hook : undefined,
			properties: properties(entry.settings.get('properties')),
		};
		const type = word('type') || defaultType(kind, artifact);
		if (kind === 'partition' && ((artifact.volume === '' && type === 'ubipartition') || artifact.device === '')) {
			throw new Fault('Partition incompleted in description file');
		}
		return { ...artifact, type };
	}

	#compression(entry: LibconfigGroup): ViewedArtifact['compressed'] {
		const value = entry.settings.get('compressed');
		if (typeof value === 'boolean') return value ? 'zlib' : '';
		if (typeof value !== 'string') return '';
		if (!this.#options.compressions.includes(value)) throw new Fault(`compressed argument: '${value}' unknown`);
		return value as ViewedArtifact['compressed'];
	}
}

function defaultType(kind: ViewedKind, { volume, device }: { volume: string; device: string }): string {
	if (kind === 'file') return 'rawfile';
	if (kind === 'script') return 'lua';
	if (kind === 'partition') return 'ubipartition';
	return volume !== '' ? 'ubivol' : device !== '' ? 'raw' : '';
}

function text(value: LibconfigValue | undefined): string {
	return typeof value === 'string' ? cut(value) : '';
}

function cut(value: string): string {
	return value.length > maximumText ? value.slice(0, maximumText) : value;
}

/** A number, or a text with a unit of 1024 (core/util.c, ustrtoull). */
function offsetOf(value: LibconfigValue | undefined): number {
	if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
	if (typeof value !== 'string' || value === '') return 0;
	const bytes = sizeOf(value);
	if (bytes === undefined) throw new Fault('offset argument: ustrtoull failed');
	return bytes;
}

/** A size as SWUpdate reads it: decimal, hexadecimal or octal, with K, M or G; undefined where it starts with no digit. */
export function sizeOf(value: string): number | undefined {
	const [, digits, unit] = /^\s*[+]?(0[xX][0-9a-fA-F]+|[0-9]+)([kKmMgG]?)/.exec(value) ?? [];
	if (digits === undefined) return undefined;
	const octal = /^0[0-7]+$/.test(digits);
	const factor = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(unit ?? '').toLowerCase()] ?? 1;
	return (octal ? Number.parseInt(digits, 8) : Number(digits)) * factor;
}

/** Only texts count; a list gives a property several values (iterate_field_libconfig). */
function properties(value: LibconfigValue | undefined): Map<string, readonly string[]> {
	const found = new Map<string, readonly string[]>();
	if (typeof value !== 'object' || value.kind !== 'group') return found;
	for (const [name, each] of value.settings) {
		if (typeof each === 'string') found.set(name, [each]);
		else if (typeof each === 'object' && each.kind !== 'group') {
			const texts = (each.values as readonly LibconfigValue[]).filter((one) => typeof one === 'string');
			if (texts.length > 0) found.set(name, texts);
		}
	}
	return found;
}
