// Version reports and device manifests (Uptane 5.4.2.1): what a component says that it runs, signed by its key, and
// all reports of a device together, signed by the key of its primary component. It makes and reads them; whether one
// is accepted stands in manifest-checks.ts.
//
// Signatures are over canonical JSON, as those of TUF. The nonce is new in each manifest and stands in every report of
// it, so that no report can be taken over into another manifest.

import { refusalMeanings } from '../client/refusal.ts';
import { expiryTime } from '../metadata/expiry.ts';
import { TrustFailure } from '../metadata/failure.ts';
import { readJson } from '../metadata/json.ts';
import type { Hashes, Signature } from '../metadata/model.ts';
import { at, Fault, integer, list, map, object, string, type Where } from '../metadata/read-fields.ts';
import { type Attack, orderFindingMeanings } from './findings.ts';
import { namePattern } from './inventory.ts';

export interface InstalledFile {
	readonly path: string;
	readonly length: number;
	readonly hashes: Hashes;
	readonly release_counter: number;
}

/** The code and the words of the last attack; fields beside them are the ones of Attack. */
export type ReportedAttack = Pick<Attack, 'code' | 'detail'>;

export interface VersionReport {
	readonly _type: 'version-report';
	readonly device: string;
	readonly component: string;
	/** null: nothing was installed by Caisson yet. */
	readonly installed: InstalledFile | null;
	/** What the component found last, null where its last update cycle found nothing. */
	readonly attack: ReportedAttack | null;
	/** The latest time that the component knows of, never below one that was signed: YYYY-MM-DDTHH:MM:SSZ. */
	readonly time: string;
	readonly counter: number;
	/** 32 to 64 hex digits. */
	readonly nonce: string;
}

export interface SignedReport {
	readonly signatures: readonly Signature[];
	readonly signed: VersionReport;
}

export interface DeviceManifest {
	readonly _type: 'device-manifest';
	readonly device: string;
	readonly primary: string;
	readonly time: string;
	/** Higher than in every manifest before. */
	readonly counter: number;
	readonly nonce: string;
	/** By component. */
	readonly reports: Readonly<Record<string, SignedReport>>;
}

export interface SignedManifest {
	readonly signatures: readonly Signature[];
	readonly signed: DeviceManifest;
}

/** Of a manifest; a hundred components with long names stay far below. */
export const maximumManifest = 256 * 1024;
const maximumDetail = 500;

export interface ManifestFacts {
	readonly device: string;
	readonly primary: string;
	readonly time: string;
	readonly counter: number;
	readonly nonce: string;
}

export interface ComponentFacts {
	readonly id: string;
	readonly installed: InstalledFile | null;
	readonly attack: ReportedAttack | null;
}

/** What a component signs; the signature is over its canonical form. On a device of several, each makes its own. */
export function makeReport(facts: ManifestFacts, component: ComponentFacts): VersionReport {
	const { device, time, counter, nonce } = facts;
	const { id, installed, attack } = component;
	return {
		...{ _type: 'version-report', device, component: id, installed },
		attack: attack && { code: attack.code, detail: attack.detail.slice(0, maximumDetail) },
		...{ time, counter, nonce },
	};
}

/** What the primary component signs. */
export function makeManifest(facts: ManifestFacts, reports: readonly SignedReport[]): DeviceManifest {
	const { device, primary, time, counter, nonce } = facts;
	return {
		...{ _type: 'device-manifest', device, primary, time, counter, nonce },
		reports: Object.fromEntries(reports.map((report) => [report.signed.component, report])),
	};
}

/** The manifest that bytes hold, frozen; or what is wrong, in a sentence. Nothing of it is verified. */
export function readManifest(bytes: Uint8Array): SignedManifest | string {
	try {
		const value = readJson(bytes, { bytes: maximumManifest, depth: 12 });
		const top: Where = { name: '', parent: undefined };
		const { signatures, signed } = object(value, top);
		checkSignatures(signatures, at(top, 'signatures'));
		checkManifest(signed, at(top, 'signed'));
		return value as SignedManifest;
	} catch (error) {
		if (error instanceof Fault || error instanceof TrustFailure) return error.message;
		throw error;
	}
}

function checkSignatures(value: unknown, where: Where): void {
	list(value, where, (item, place) => {
		const signature = object(item, place);
		string(signature.keyid, at(place, 'keyid'));
		string(signature.sig, at(place, 'sig'));
	});
	if ((value as readonly unknown[]).length !== 1) throw new Fault(where, 'exactly one signature is due');
}

function checkManifest(value: unknown, where: Where): void {
	const signed = object(value, where);
	checkType(signed._type, 'device-manifest', where);
	checkName(signed.device, at(where, 'device'));
	checkName(signed.primary, at(where, 'primary'));
	checkMoment(signed, where);
	map(signed.reports, at(where, 'reports'), (item, place) => {
		const report = object(item, place);
		checkSignatures(report.signatures, at(place, 'signatures'));
		checkReport(report.signed, at(place, 'signed'));
		const { component } = report.signed as VersionReport;
		if (component !== place.name) throw new Fault(place, 'the report is of another component');
	});
}

function checkReport(value: unknown, where: Where): void {
	const signed = object(value, where);
	checkType(signed._type, 'version-report', where);
	checkName(signed.device, at(where, 'device'));
	checkName(signed.component, at(where, 'component'));
	checkMoment(signed, where);
	if (signed.installed !== null) {
		const place = at(where, 'installed');
		const file = object(signed.installed, place);
		string(file.path, at(place, 'path'));
		integer(file.length, at(place, 'length'), 0);
		integer(file.release_counter, at(place, 'release_counter'), 0);
		map(file.hashes, at(place, 'hashes'), string);
	}
	if (signed.attack !== null) {
		const attack = object(signed.attack, at(where, 'attack'));
		const code = string(attack.code, at(at(where, 'attack'), 'code'));
		if (!Object.hasOwn(orderFindingMeanings, code) && !Object.hasOwn(refusalMeanings, code)) {
			throw new Fault(at(at(where, 'attack'), 'code'), 'there is no such code');
		}
		const detail = string(attack.detail, at(at(where, 'attack'), 'detail'));
		if (detail.length > maximumDetail) throw new Fault(at(where, 'attack'), 'its detail is too long');
	}
}

function checkMoment(signed: Readonly<Record<string, unknown>>, where: Where): void {
	integer(signed.counter, at(where, 'counter'), 1);
	if (!/^[0-9a-f]{32,64}$/.test(string(signed.nonce, at(where, 'nonce')))) {
		throw new Fault(at(where, 'nonce'), '32 to 64 hex digits are due');
	}
	if (expiryTime(string(signed.time, at(where, 'time'))) === undefined) {
		throw new Fault(at(where, 'time'), 'it is not of the form YYYY-MM-DDTHH:MM:SSZ');
	}
}

function checkType(value: unknown, due: string, where: Where): void {
	if (value !== due) throw new Fault(at(where, '_type'), `"${due}" is due`);
}

function checkName(value: unknown, where: Where): void {
	if (!namePattern.test(string(value, where))) throw new Fault(where, 'it is not a name of a device or component');
}
