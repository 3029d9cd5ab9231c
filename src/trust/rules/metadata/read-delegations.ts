// The rules for keys, and for how a role hands trust to others: key lists, thresholds, delegated and succinct roles.

import { quoted } from './failure.ts';
import { publicValueIsDue } from './keys.ts';
import { at, boolean, Fault, integer, list, map, object, string, type Where } from './read-fields.ts';

/** Key ids are names (TAP 12): that they are unique is what JSON without duplicate names gives. */
export function checkKeys(value: unknown, where: Where): void {
	map(value, where, (item, place) => {
		const key = object(item, place);
		const keytype = string(key.keytype, at(place, 'keytype'));
		string(key.scheme, at(place, 'scheme'));
		const keyval = object(key.keyval, at(place, 'keyval'));
		// A key of a type that Caisson cannot verify signs nothing here, and does not make the document useless.
		if (keyval.public !== undefined || publicValueIsDue(keytype)) {
			string(keyval.public, at(at(place, 'keyval'), 'public'));
		}
	});
}

export function checkRoleKeys(role: Readonly<Record<string, unknown>>, where: Where): void {
	const seen = new Set<string>();
	list(role.keyids, at(where, 'keyids'), (item, place) => {
		const keyid = string(item, place);
		if (seen.has(keyid)) throw new Fault(place, `the key id ${quoted(keyid)} stands there twice`);
		seen.add(keyid);
	});
	integer(role.threshold, at(where, 'threshold'), 1);
}

export function checkDelegations(value: unknown, where: Where): void {
	const delegations = object(value, where);
	checkKeys(delegations.keys, at(where, 'keys'));
	if ((delegations.roles === undefined) === (delegations.succinct_roles === undefined)) {
		throw new Fault(where, 'it must have either roles or succinct_roles');
	}
	if (delegations.roles !== undefined) checkDelegatedRoles(delegations.roles, at(where, 'roles'));
	else checkSuccinctRoles(delegations.succinct_roles, at(where, 'succinct_roles'));
}

/** The names of the roles that only root delegates. */
const reserved: ReadonlySet<string> = new Set(['root', 'timestamp', 'snapshot', 'targets']);

/** Clause 4.5: names are unique within one `delegations`. */
function checkDelegatedRoles(value: unknown, where: Where): void {
	const names = new Set<string>();
	list(value, where, (item, place) => {
		const role = object(item, place);
		const name = string(role.name, at(place, 'name'));
		if (name === '') throw new Fault(at(place, 'name'), 'it is empty');
		if (reserved.has(name)) throw new Fault(at(place, 'name'), `"${name}" is a top-level role`);
		if (names.has(name)) throw new Fault(at(place, 'name'), `the role ${quoted(name)} stands there twice`);
		names.add(name);
		checkRoleKeys(role, place);
		boolean(role.terminating, at(place, 'terminating'));
		if ((role.paths === undefined) === (role.path_hash_prefixes === undefined)) {
			throw new Fault(place, 'it must have either paths or path_hash_prefixes');
		}
		if (role.paths !== undefined) list(role.paths, at(place, 'paths'), string);
		else list(role.path_hash_prefixes, at(place, 'path_hash_prefixes'), string);
	});
}

/** TAP 15. */
function checkSuccinctRoles(value: unknown, where: Where): void {
	const succinct = object(value, where);
	checkRoleKeys(succinct, where);
	integer(succinct.bit_length, at(where, 'bit_length'), 1, 32);
	string(succinct.name_prefix, at(where, 'name_prefix'));
}
