// Builds the .swu of a case: describes, signs, packs, then spoils it as the case says. It writes cpio headers of its own,
// because Caisson's writer refuses what a case may want (names with a slash, wrong sizes). It leaves out running it.

import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { assembleSignedData, type CmsScheme, cmsSchemes } from '../../src/outside/signer/cms.ts';
import { type Change, signerFiles, type VerdictCase } from './case.ts';
import { contentOf } from './content.ts';

interface Member {
	readonly name: string;
	bytes: Uint8Array;
	checksum: number;
	readonly fields: Partial<Record<'magic' | 'checksum' | 'size' | 'namesize', string>>;
}

/** The archive of a case: the same bytes every time, because its signer is an RSA key. */
export function buildArchive(each: VerdictCase): Uint8Array {
	const payloads = Object.entries(each.members ?? {}).map(([name, recipe]) => member(name, contentOf(recipe)));
	const description = new TextEncoder().encode(descriptionOf(each, payloads));
	const members = [member('sw-description', description)];
	if (each.signer !== null) members.push(member('sw-description.sig', signature(each.signer ?? 'rsa', description)));
	members.push(...payloads);
	for (const change of each.changes ?? []) changeMember(change, members);
	const ordered =
		each.order === undefined ? members : each.order.flatMap((name) => members.filter((one) => one.name === name));
	const parts = ordered.flatMap((one, index) => packed(one, index, each.cpio ?? 'crc'));
	const ends = each.changes?.every((change) => !('without' in change)) ?? true;
	if (ends) parts.push(...packed(member('TRAILER!!!', new Uint8Array()), 0, each.cpio ?? 'crc'));
	let archive = new Uint8Array(Buffer.concat(parts));
	if (ends) archive = new Uint8Array(Buffer.concat([archive, new Uint8Array((512 - (archive.length % 512)) % 512)]));
	for (const change of each.changes ?? []) {
		if ('cut' in change) archive = archive.slice(0, archive.length - change.cut);
		if ('append' in change) archive = new Uint8Array(Buffer.concat([archive, contentOf(change.append)]));
	}
	return archive;
}

function member(name: string, bytes: Uint8Array): Member {
	return { name, bytes, checksum: sumOf(bytes), fields: {} };
}

function descriptionOf(each: VerdictCase, payloads: readonly Member[]): string {
	const usual =
		'version = "1.0";\nhardware-compatibility = [ "1.0" ];\nbootloader_transaction_marker = false;\nbootloader_state_marker = false;\n';
	const text = each.text ?? `software =\n{\n${usual}${each.body ?? ''}};\n`;
	return text
		.replaceAll(/@([^@\s]+)@/g, (_, recipe: string) => {
			const found = payloads.find(({ name }) => name === recipe);
			if (found === undefined) throw new Error(`${each.name}: there is no member ${recipe}`);
			return createHash('sha256').update(found.bytes).digest('hex');
		})
		.replaceAll(/<sha256 of ([^>]+)>/g, (_, recipe: string) =>
			createHash('sha256').update(contentOf(recipe)).digest('hex'),
		);
}

function signature(name: string, description: Uint8Array): Uint8Array {
	if (name.startsWith('file ')) return contentOf(name);
	const files = signerFiles(name);
	const certificate = new X509Certificate(readFileSync(files.certificateFile));
	const key = createPrivateKey(readFileSync(files.keyFile));
	const scheme = cmsSchemes[key.asymmetricKeyType === 'rsa' ? 'rsa' : 'p256'] as CmsScheme;
	// Not with Caisson's signer, which refuses the certificates that devices refuse.
	return assembleSignedData([{ certificate: certificate.raw, scheme, signature: sign('sha256', description, key) }]);
}

function changeMember(change: Change, members: readonly Member[]): void {
	const find = (name: string) => {
		const found = members.find((one) => one.name === name);
		if (found === undefined) throw new Error(`there is no member ${name} to change`);
		return found;
	};
	if ('description' in change) {
		const described = find('sw-description');
		const text = new TextDecoder().decode(described.bytes);
		if (!text.includes(change.description[0])) throw new Error(`sw-description does not say ${change.description[0]}`);
		described.bytes = new TextEncoder().encode(text.replace(change.description[0], change.description[1]));
		described.checksum = sumOf(described.bytes);
	} else if ('flip' in change || 'spoil' in change) {
		const found = find('flip' in change ? change.flip : change.spoil);
		found.bytes = found.bytes.with(change.at, (found.bytes[change.at] as number) ^ 0x01);
		if ('spoil' in change) found.checksum = sumOf(found.bytes);
	} else if ('header' in change) {
		find(change.header).fields[change.field] = change.value;
	}
}

function packed({ name, bytes, checksum, fields }: Member, index: number, format: 'crc' | 'newc'): Uint8Array[] {
	const nameBytes = new TextEncoder().encode(name);
	const hex = (value: number) => value.toString(16).padStart(8, '0').toUpperCase();
	const values = [index + 1, 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0].map(hex);
	values[6] = fields.size ?? hex(bytes.length);
	values.push(fields.namesize ?? hex(nameBytes.length + 1), fields.checksum ?? hex(format === 'crc' ? checksum : 0));
	const magic = fields.magic ?? (format === 'crc' ? '070702' : '070701');
	const header = Buffer.concat([Buffer.from(magic + values.join('')), nameBytes, new Uint8Array(1)]);
	const pad = (length: number) => new Uint8Array((4 - (length % 4)) % 4);
	return [header, pad(header.length), bytes, pad(bytes.length)];
}

function sumOf(bytes: Uint8Array): number {
	return bytes.reduce((sum, byte) => (sum + byte) % 0x1_0000_0000, 0);
}

/** The certificate of a signer, PEM. */
export function certificateOf(name: string): string {
	return readFileSync(signerFiles(name).certificateFile, 'utf8');
}
