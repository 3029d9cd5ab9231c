// The update specification that `caisson update delta -o` writes beside its files: ready for `caisson update pack` once the
// places on the device are right. It decides its text; it leaves out where the files are written.

import type { Way } from './delta-plan.ts';

export interface DeltaSpecification {
	readonly way: Way;
	readonly compress?: 'zlib' | 'zstd';
	/** The file that is packed, relative to the specification. */
	readonly source: string;
	/** The images, relative to the specification. */
	readonly oldImage: string;
	readonly newImage: string;
	/** Device or file that devices boot from. */
	readonly from: string;
	/** Device or file that is written. */
	readonly to: string;
	readonly url: string;
	readonly maxRanges: number;
}

/** YAML; texts of the user are quoted. */
export function specificationText(facts: DeltaSpecification): string {
	const { way, source, oldImage, newImage, from, to, compress } = facts;
	const quoted = (text: string) => JSON.stringify(text);
	const compressed = compress === undefined ? [] : [`    compress: ${compress}`];
	const entry: Readonly<Record<Way, readonly string[]>> = {
		full: [
			`  - source: ${quoted(source)}`,
			`    device: ${quoted(to)}`,
			...compressed,
			'    installed-directly: true',
			'    readback: true',
		],
		zck: [
			'  - type: delta',
			`    source: ${quoted(source)}   # its header becomes the member; devices fetch chunks from url`,
			`    result: ${quoted(newImage)}`,
			`    device: ${quoted(to)}`,
			'    properties:',
			`      url: ${quoted(facts.url)}`,
			`      source: ${quoted(from)}`,
			'      chain: raw',
			`      max-ranges: ${facts.maxRanges}`,
			'      zckloglevel: error',
		],
		rdiff: [
			'  - type: rdiff_image',
			`    source: ${quoted(source)}`,
			`    base: ${quoted(oldImage)}`,
			`    result: ${quoted(newImage)}`,
			`    device: ${quoted(to)}`,
			...compressed,
			'    installed-directly: true',
			`    properties: { rdiffbase: [${quoted(from)}] }`,
		],
	};
	return [
		'# Written by caisson update delta. Set the version, the hardware and the places on the device, then:',
		'#   caisson update pack THIS_FILE -o update.swu --key KEY --cert CERT',
		'version: "1.0"',
		'hardware-compatibility: any',
		'images:',
		...entry[way],
		'',
	].join('\n');
}
