// What a sw-description says, as plain values, and the way to and from libconfig text. The names are SWUpdate's own
// (its documentation, "SWUpdate: syntax and tags with the default parser"). It leaves out whether a device would accept it.

import { CaissonError } from '../../errors.ts';
import { array, group, type LibconfigGroup, type LibconfigValue, list, writeLibconfig } from './libconfig.ts';

/** One artifact (image, file or script): what SWUpdate hands to a handler. */
export interface DescribedArtifact {
	/** The cpio member; absent for a script that needs no data (readback, for example). */
	readonly filename?: string;
	/** SHA-256 of the member's bytes as they are in the archive, 64 hexadecimal digits. */
	readonly sha256?: string;
	/** Every other attribute by SWUpdate's name: type, device, path, compressed, installed-directly and so on. */
	readonly attributes: Readonly<Record<string, string | boolean | number | bigint>>;
	/** What the handler is told besides; a list gives the property several values. */
	readonly properties: Readonly<Record<string, string | readonly string[]>>;
}

export const artifactKinds = ['images', 'files', 'scripts'] as const;
export type ArtifactKind = (typeof artifactKinds)[number];

/** The artifacts for every device (path empty), or for one selection, e.g. ['stable', 'copyA'] (software set, mode). */
export interface DescribedSection {
	readonly path: readonly string[];
	readonly images: readonly DescribedArtifact[];
	readonly files: readonly DescribedArtifact[];
	readonly scripts: readonly DescribedArtifact[];
	readonly bootenv: readonly { readonly name: string; readonly value: string }[];
}

export interface SwDescription {
	readonly version: string;
	readonly description?: string;
	/** Exact revisions, or POSIX regular expressions after '#RE:'. */
	readonly hardwareCompatibility: readonly string[];
	/** Settings of the whole update by SWUpdate's name: reboot, bootloader_transaction_marker and so on. */
	readonly settings: Readonly<Record<string, string | boolean | number | bigint>>;
	readonly sections: readonly DescribedSection[];
}

/**
 * The text of a sw-description.
 * @throws CaissonError update-specification-invalid for what libconfig cannot express
 */
export function writeSwDescription(description: SwDescription): string {
	const software = new Map<string, LibconfigValue>([['version', description.version]]);
	if (description.description !== undefined) software.set('description', description.description);
	software.set('hardware-compatibility', array(description.hardwareCompatibility));
	for (const [name, value] of Object.entries(description.settings)) software.set(name, value);
	for (const section of description.sections) placeSection(software, section);
	return writeLibconfig(group({ software: { kind: 'group', settings: software } }));
}

function placeSection(software: Map<string, LibconfigValue>, section: DescribedSection): void {
	let into = software;
	for (const step of section.path) {
		const existing = into.get(step);
		if (existing === undefined) {
			const made = new Map<string, LibconfigValue>();
			into.set(step, { kind: 'group', settings: made });
			into = made;
		} else if (typeof existing === 'object' && existing.kind === 'group') {
			into = existing.settings as Map<string, LibconfigValue>;
		} else {
			throw new CaissonError(
				'update-specification-invalid',
				`The selection ${section.path.join('.')} uses the name ${JSON.stringify(step)}, which sw-description needs itself.`,
			);
		}
	}
	for (const kind of artifactKinds) {
		if (section[kind].length > 0) into.set(kind, list(section[kind].map(artifactGroup)));
	}
	if (section.bootenv.length > 0) {
		into.set('bootenv', list(section.bootenv.map(({ name, value }) => group({ name, value }))));
	}
}

function artifactGroup(artifact: DescribedArtifact): LibconfigGroup {
	const properties: Record<string, LibconfigValue> = {};
	for (const [name, value] of Object.entries(artifact.properties)) {
		properties[name] = typeof value === 'string' ? value : array(value);
	}
	return group({
		filename: artifact.filename,
		...artifact.attributes,
		sha256: artifact.sha256,
		properties: Object.keys(properties).length > 0 ? group(properties) : undefined,
	});
}
