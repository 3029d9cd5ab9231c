// The plan of a ceremony as people write it: YAML with keys, roles, thresholds and days. It decides what such a text may
// say, and names the line of what it refuses; the keys are read from the files that it names. It leaves out whether the
// plan is wise (rules/ceremony/checks.ts).

import { dirname, isAbsolute, join } from 'node:path';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { CaissonError } from '../../errors.ts';
import { nearestName } from '../../nearest-name.ts';
import { isHolder, type KeyEntry, readKeyEntry } from '../rules/ceremony/key-entry.ts';
import { type DelegationPlan, type RolePlan, type TopLevelRole, topLevel } from '../rules/ceremony/plan.ts';
import { expiryTime } from '../rules/metadata/expiry.ts';
import { quoted } from '../rules/metadata/failure.ts';
import { day } from '../rules/repository/settings.ts';
import { readBounded } from './files.ts';
import type { CeremonyWorld } from './world.ts';

/** What a plan says. A first ceremony needs all top-level roles, a later one those that change. */
export interface PlanFile {
	readonly roles: Partial<Record<TopLevelRole, RolePlan>>;
	readonly delegations?: readonly DelegationPlan[];
	/** Of a root or targets that follows; milliseconds since the epoch. */
	readonly expires?: number;
	/** Every key that was named, used or not. */
	readonly keys: readonly KeyEntry[];
}

const maximumText = 1 << 20;
const maximumKeys = 1000;

/**
 * @param known keys of the documents that are changed, by their labels or ids
 * @throws CaissonError trust-plan-invalid naming line and field; key-unusable, file-unusable for the keys
 */
export async function readPlan(
	file: string,
	known: readonly KeyEntry[],
	world: Pick<CeremonyWorld, 'sha256' | 'keys' | 'now'>,
): Promise<PlanFile> {
	const text = new TextDecoder().decode(await readBounded(file, maximumText));
	const place = openPlan(text, file);
	const fields = mapping(place, ['keys', 'roles', 'delegations', 'expires']);
	const keys = fields.keys === undefined ? [] : await readKeys(fields.keys, dirname(file), world);
	const all = withoutDoubles([...keys, ...known], place);
	const roles: Partial<Record<TopLevelRole, RolePlan>> = {};
	const now = world.now();
	const named = fields.roles === undefined ? {} : mapping(fields.roles, topLevel);
	for (const name of topLevel) {
		const role = named[name];
		if (role === undefined) continue;
		const own = mapping(role, ['keys', 'threshold', ...(name === 'root' || name === 'targets' ? ['expires'] : [])]);
		roles[name] = rolePlan(role, own, all, now);
	}
	const { delegations, expires } = fields;
	return {
		...{ roles, keys: all },
		...(delegations === undefined ? {} : { delegations: list(delegations).map((each) => delegation(each, all, now)) }),
		...(expires === undefined ? {} : { expires: expiry(expires, now) }),
	};
}

function delegation(place: Place, keys: readonly KeyEntry[], now: number): DelegationPlan {
	const fields = mapping(place, ['name', 'keys', 'threshold', 'expires', 'terminating', 'paths']);
	const name = text(required(place, fields, 'name'));
	const terminating = fields.terminating === undefined ? false : flag(fields.terminating);
	const paths = required(place, fields, 'paths');
	const plan = { ...rolePlan(place, fields, keys, now), name, terminating };
	if (isScalar(paths.node) && paths.node.value === 'every') return plan;
	return { ...plan, paths: list(paths).map(text) };
}

function rolePlan(place: Place, fields: Mapping, entries: readonly KeyEntry[], now: number): RolePlan {
	const keys = list(required(place, fields, 'keys')).map((each) => findKey(entries, each));
	const threshold = whole(required(place, fields, 'threshold'));
	const double = keys.find((entry, index) => keys.indexOf(entry) !== index);
	if (double !== undefined) refuse(place, `names the key ${quoted(double.label)} twice.`);
	return { keys, threshold, ...(fields.expires === undefined ? {} : { expires: expiry(fields.expires, now) }) };
}

function findKey(entries: readonly KeyEntry[], place: Place): KeyEntry {
	const name = text(place);
	const found = entries.find(({ label, keyid }) => label === name || keyid === name);
	if (found !== undefined) return found;
	const near = nearestName(
		name,
		entries.map(({ label }) => label),
	);
	return refuse(place, near === undefined ? `names no key of this plan.` : `is no key. Did you mean ${quoted(near)}?`);
}

async function readKeys(
	place: Place,
	folder: string,
	world: Pick<CeremonyWorld, 'sha256' | 'keys'>,
): Promise<KeyEntry[]> {
	const items = list(place);
	if (items.length > maximumKeys) refuse(place, `has more than ${maximumKeys} keys.`);
	const entries: KeyEntry[] = [];
	for (const item of items) {
		const fields = isMap(item.node) ? mapping(item, ['file', 'holder']) : { file: item };
		const file = text(required(item, fields, 'file'));
		const entry = await readKeyFile(isAbsolute(file) ? file : join(folder, file), world);
		const holder = fields.holder === undefined ? entry.holder : text(fields.holder);
		if (holder !== undefined && !isHolder(holder)) refuse(item, 'has a holder that is no short text on one line.');
		entries.push({ ...entry, ...(holder === undefined ? {} : { holder }) });
	}
	return entries;
}

/** @throws CaissonError key-unusable, file-unusable */
export async function readKeyFile(
	file: string,
	{ sha256, keys }: Pick<CeremonyWorld, 'sha256' | 'keys'>,
): Promise<KeyEntry> {
	const entry = readKeyEntry(await readBounded(file, 64 << 10), file, sha256);
	if (keys.isUsable(entry.key)) return entry;
	throw new CaissonError('key-unusable', `The public key in ${file} is damaged, or of another kind than it says.`);
}

/** The same key may be named by a file and stand in a document; two keys of one label would be mixed up. */
function withoutDoubles(entries: readonly KeyEntry[], place: Place): KeyEntry[] {
	const kept: KeyEntry[] = [];
	for (const entry of entries) {
		if (kept.some(({ keyid }) => keyid === entry.keyid)) continue;
		if (kept.some(({ label }) => label === entry.label)) {
			refuse(place, `has two keys with the label ${quoted(entry.label)}: make one of them anew under another name.`);
		}
		kept.push(entry);
	}
	return kept;
}

/** Reads 365d or 2030-01-31 as the time at which a document expires. @throws CaissonError usage-wrong */
export function expiryOption(words: string, now: number): number {
	const time = expiryOf(words, now);
	if (time !== undefined) return time;
	throw new CaissonError(
		'usage-wrong',
		`--expires ${quoted(words)}: it is a number of days, 365d, or a date, 2030-01-31.`,
	);
}

function expiryOf(words: string, now: number): number | undefined {
	const [, days] = /^([0-9]{1,5})d$/.exec(words) ?? [];
	if (days !== undefined) return now + Number(days) * day;
	return expiryTime(/^\d{4}-\d\d-\d\d$/.test(words) ? `${words}T00:00:00Z` : words);
}

function expiry(place: Place, now: number): number {
	return expiryOf(text(place), now) ?? refuse(place, 'is a number of days, 365d, or a date, 2030-01-31.');
}

// Reading YAML with the line of each value.

interface Place {
	readonly node: Node;
	readonly path: string;
	readonly lines: LineCounter;
	readonly file: string;
}

type Mapping = Readonly<Record<string, Place | undefined>>;

function openPlan(text: string, file: string): Place {
	const lines = new LineCounter();
	const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
	const fault = document.errors[0] ?? document.warnings[0];
	if (fault !== undefined) {
		throw new CaissonError('trust-plan-invalid', `${file}, line ${lines.linePos(fault.pos[0]).line}: ${fault.message}`);
	}
	if (document.contents === null) throw new CaissonError('trust-plan-invalid', `${file} is empty.`);
	const place: Place = { node: document.contents, path: '', lines, file };
	// A plan has no use for aliases, and a text that grows when it is read stays impossible.
	visit(document, {
		Alias: (_, node) => refuse({ ...place, node }, 'is an alias, which a plan cannot have.'),
	});
	return place;
}

function mapping(place: Place, known: readonly string[]): Mapping {
	if (!isMap(place.node)) refuse(place, 'must be a mapping.');
	const fields: Record<string, Place> = Object.create(null);
	for (const { key, value } of place.node.items) {
		const name = isScalar(key) ? String(key.value) : '';
		const path = place.path === '' ? name : `${place.path}.${name}`;
		const node = (value ?? key) as Node;
		const field: Place = { ...place, node, path };
		if (!known.includes(name)) {
			const near = nearestName(name, known);
			const hint = near === undefined ? `Known: ${known.join(', ')}.` : `Did you mean ${quoted(near)}?`;
			refuse({ ...field, node: key as Node }, `is not known here. ${hint}`);
		}
		fields[name] = field;
	}
	return fields;
}

function list(place: Place): Place[] {
	if (!isSeq(place.node)) return refuse(place, 'must be a list.');
	return place.node.items.map((item, index) => ({ ...place, node: item as Node, path: `${place.path}[${index}]` }));
}

function required(place: Place, fields: Mapping, name: string): Place {
	return fields[name] ?? refuse(place, `needs the field ${name}.`);
}

function text(place: Place): string {
	const { node } = place;
	if (isScalar(node) && !isAlias(node)) {
		const value = typeof node.value === 'string' ? node.value : (node.source ?? '');
		if (value !== '' && value.length <= 4096 && node.value !== null) return value;
	}
	return refuse(place, 'must be a text.');
}

function whole(place: Place): number {
	const value = isScalar(place.node) ? place.node.value : undefined;
	if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= maximumKeys) return value;
	return refuse(place, `must be a whole number from 1 to ${maximumKeys}.`);
}

function flag(place: Place): boolean {
	const value = isScalar(place.node) ? place.node.value : undefined;
	return typeof value === 'boolean' ? value : refuse(place, 'must be true or false.');
}

function refuse({ node, path, lines, file }: Place, rule: string): never {
	const offset = node?.range?.[0];
	const line = offset === undefined ? '' : `, line ${lines.linePos(offset).line}`;
	throw new CaissonError('trust-plan-invalid', `${file}${line}: ${path === '' ? 'the plan' : path} ${rule}`);
}
