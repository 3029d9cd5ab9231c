// The record of a ceremony: the sheet that is printed, read aloud, filled in and kept. It shows every key with its full id and
// every document with the SHA-256 of what is signed, so that people compare paper with screen. It decides nothing.

import { keyName } from '../rules/ceremony/key-entry.ts';
import { expiryText } from '../rules/metadata/expiry.ts';
import { keyKind } from '../rules/metadata/keys.ts';
import type { DelegatedRole, Keys, RoleKeys, RootSigned, TargetsSigned } from '../rules/metadata/model.ts';
import { isOnline } from '../rules/repository/role-settings.ts';
import type { MadeDocument, Outcome } from './outcome.ts';

export interface RoleSummary {
	readonly role: string;
	readonly threshold: number;
	/** The server signs it. */
	readonly online: boolean;
	readonly scope: string;
	readonly keys: readonly KeySummary[];
}

export interface KeySummary {
	readonly label: string;
	readonly kind: string;
	readonly keyid: string;
	readonly holder?: string;
}

/** Every role that the documents name, with its keys. */
export function summaryOf({ documents, keys, root }: Pick<Outcome, 'documents' | 'keys' | 'root'>): RoleSummary[] {
	const online = new Set(root?.roles.timestamp.keyids);
	const holders = new Map(keys.map(({ keyid, holder }) => [keyid, holder]));
	const summary = (role: string, named: RoleKeys, listed: Keys, scope: string): RoleSummary => ({
		...{ role, threshold: named.threshold, scope },
		online: role === 'timestamp' || role === 'snapshot' || (role !== 'root' && isOnline(named, online)),
		keys: named.keyids.map((keyid) => {
			const holder = holders.get(keyid);
			const kind = kindOf(listed, keyid);
			return { label: keyName(keyid, listed), kind, keyid, ...(holder === undefined ? {} : { holder }) };
		}),
	});
	return documents.flatMap(({ signed }) => {
		if (signed._type === 'root') {
			const { roles } = signed as RootSigned;
			const names = ['root', 'targets', 'snapshot', 'timestamp'] as const;
			return names.map((name) => summary(name, roles[name], signed.keys, ''));
		}
		const { delegations } = signed as TargetsSigned;
		return (delegations?.roles ?? []).map((role) => summary(role.name, role, delegations?.keys ?? {}, scopeOf(role)));
	});
}

function kindOf(keys: Keys, keyid: string): string {
	const key = Object.hasOwn(keys, keyid) ? keys[keyid] : undefined;
	return (key && keyKind(key)) ?? 'unknown';
}

function scopeOf({ paths, terminating }: DelegatedRole): string {
	return `${paths === undefined ? 'every path' : paths.join(' ')}${terminating ? ', terminating' : ''}`;
}

/** Groups of four, as people read digits aloud. */
export function spaced(hex: string): string {
	return hex.replaceAll(/(.{4})(?=.)/g, '$1 ');
}

/** The sheet, plain text of at most 100 columns apart from what people named long. */
export function recordText(outcome: Outcome): string {
	const { documents, findings, now } = outcome;
	const lines = [
		'RECORD OF A CEREMONY',
		'',
		`Documents made at ${expiryText(now)} by the clock of the machine.`,
		'',
		'Place, date: _______________________________________________________________',
		'Led by:      _______________________________________________________________',
		'Witnesses:   _______________________________________________________________',
		'',
		'1. DOCUMENTS',
		'   The SHA-256 is over what is signed. `caisson trust sign` shows it on every machine: read it aloud.',
	];
	for (const { file, role, signed, digest, differences } of documents) {
		lines.push('', `   ${file}: role ${role}, version ${signed.version}, expires ${signed.expires}`);
		lines.push(`   SHA-256 ${spaced(digest)}`);
		for (const line of signed.version === 1 ? [] : differences) lines.push(`     - ${line}`);
	}
	lines.push('', '2. ROLES AND KEYS');
	for (const { role, threshold, keys, online, scope } of summaryOf(outcome)) {
		const who = online ? 'signed by the server' : 'signed by people';
		lines.push('', `   ${role}: ${threshold} of ${keys.length} keys, ${who}${scope === '' ? '' : `; ${scope}`}`);
		for (const { label, kind, keyid, holder } of keys) {
			lines.push(`     ${label} (${kind})${holder === undefined ? '' : `, held by ${holder}`}`);
			lines.push(`       ${keyid}`);
		}
	}
	lines.push('', '3. WARNINGS');
	lines.push(...(findings.warnings.length === 0 ? ['   none'] : findings.warnings.map((text) => `   - ${text}`)));
	lines.push('', '4. CHECK ALOUD');
	lines.push(...checks.map((text) => `   [ ] ${text}`));
	lines.push('', '5. SIGNATURES', ...documents.flatMap(signatureLines));
	return `${lines.join('\n')}\n`;
}

const checks = [
	'Every holder reads the id of the own key from the own machine (caisson trust key show); it is the one above.',
	'Thresholds and expiries are those that were agreed.',
	'Everyone who signs reads the SHA-256 of the document from the own screen; it is the one above.',
	'No key of the server is among the keys of a role that people sign.',
	'Every private key has a second copy, or the threshold is reached without it.',
	'Once signed, the SHA-256 of 1.root.json as a file is written here, for those who build devices: ______________',
];

function signatureLines({ file }: MadeDocument): string[] {
	const line = `   ${file.padEnd(24)} key _______________ by ______________________ at ____________`;
	return [line, line, line];
}
