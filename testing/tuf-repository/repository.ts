// A TUF repository in memory for tests, as python-tuf's RepositorySimulator: documents are drafts that a test changes as it
// likes, also to what no honest repository would sign; publishing signs a draft and puts the file where a web server
// finds it. It leaves out serving (server.ts) and every rule of a real repository.

import { trustHash } from '../../src/outside/signer/trust-verify.ts';
import { canonicalJson } from '../../src/trust/rules/metadata/canonical.ts';
import { binIndex, binName, pathHash } from '../../src/trust/rules/metadata/delegation.ts';
import { expiryText } from '../../src/trust/rules/metadata/expiry.ts';
import { hashedTargetName } from '../../src/trust/rules/metadata/file-names.ts';
import { makeRoot, makeSnapshot, makeTargets, makeTimestamp, metaFile } from '../../src/trust/rules/metadata/make.ts';
import type {
	DelegatedRole,
	MetadataType,
	MetaFile,
	RootSigned,
	SnapshotSigned,
	TargetsSigned,
	TimestampSigned,
	TrustKey,
} from '../../src/trust/rules/metadata/model.ts';
import { newKey, type TestKey } from './keys.ts';
import type { Source } from './server.ts';

/** Everything of a document may be changed. */
export type Draft<T> = T extends readonly (infer Item)[]
	? Draft<Item>[]
	: T extends object
		? { -readonly [K in keyof T]: Draft<T[K]> }
		: T;

export interface RepositoryOptions {
	/** Default: true. */
	readonly consistentSnapshot?: boolean;
	/** Whether timestamp and snapshot list length and hash of what they name. Default: false. */
	readonly hashes?: boolean;
	/** Milliseconds since 1970. Default: the machine's clock. */
	readonly now?: number;
}

const day = 86_400_000;

export class TufRepository {
	/** Signers of each role, top-level and delegated. A test may add one that the role does not know. */
	readonly signers = new Map<string, TestKey[]>();
	readonly root: Draft<RootSigned>;
	readonly timestamp: Draft<TimestampSigned>;
	readonly snapshot: Draft<SnapshotSigned>;
	/** Drafts of `targets` and of every delegated role. */
	readonly roles = new Map<string, Draft<TargetsSigned>>();
	/** As a web server has them: `metadata/…` and `targets/…`. */
	readonly files = new Map<string, Uint8Array>();
	/** The published roots, from version 1 on. */
	readonly roots: Uint8Array[] = [];
	/** Expiry of new drafts: 30 days from now. */
	readonly expires: string;
	readonly now: number;
	hashes: boolean;

	/** Version 1 of all four top-level roles is published, each with one key. */
	constructor(options: RepositoryOptions = {}) {
		this.now = options.now ?? Date.now();
		this.expires = this.inDays(30);
		this.hashes = options.hashes ?? false;
		const top: readonly MetadataType[] = ['root', 'timestamp', 'snapshot', 'targets'];
		for (const role of top) this.signers.set(role, [newKey()]);
		const keys = Object.fromEntries(top.map((role) => [this.#signer(role).keyid, this.#signer(role).key]));
		const roleKeys = (role: MetadataType) => ({ keyids: [this.#signer(role).keyid], threshold: 1 });
		const roles = {
			root: roleKeys('root'),
			timestamp: roleKeys('timestamp'),
			snapshot: roleKeys('snapshot'),
			targets: roleKeys('targets'),
		};
		const dated = { version: 1, expires: this.expires };
		const consistent_snapshot = options.consistentSnapshot ?? true;
		this.root = structuredClone(makeRoot({ ...dated, keys, roles, consistent_snapshot })) as Draft<RootSigned>;
		this.timestamp = structuredClone(makeTimestamp({ ...dated, snapshot: metaFile(1) })) as Draft<TimestampSigned>;
		this.snapshot = structuredClone(makeSnapshot({ ...dated, meta: {} })) as Draft<SnapshotSigned>;
		this.addRole('targets');
		this.#putRoot();
		this.putRole('targets');
		this.putSnapshot();
		this.putTimestamp();
	}

	/** Expiry `days` after (or, negative, before) the time at which the repository was made. */
	inDays(days: number): string {
		return expiryText(this.now + days * day);
	}

	/** The files, for a server. */
	get source(): Source {
		return (path) => this.files.get(path);
	}

	/** The trusted root that a device begins with. */
	get firstRoot(): Uint8Array {
		return this.roots[0] as Uint8Array;
	}

	/** The draft of a role. @throws Error where there is none */
	role(name: string): Draft<TargetsSigned> {
		const draft = this.roles.get(name);
		if (draft === undefined) throw new Error(`no role ${name}`);
		return draft;
	}

	/** An empty draft of a targets role. It is not published. */
	addRole(name: string): Draft<TargetsSigned> {
		const signed = makeTargets({ version: 1, expires: this.expires, targets: {} });
		this.roles.set(name, structuredClone(signed) as Draft<TargetsSigned>);
		return this.role(name);
	}

	/** Lets a role have another key, which signs from now on. */
	addKey(role: string, key: TestKey = newKey(), delegator = 'root'): TestKey {
		const { keys, keyids } = this.#keysOf(role, delegator);
		keys[key.keyid] = structuredClone(key.key) as Draft<TrustKey>;
		if (!keyids.includes(key.keyid)) keyids.push(key.keyid);
		this.signers.set(role, [...(this.signers.get(role) ?? []), key]);
		return key;
	}

	/** Gives a role new keys in place of all it has: as many as before. The old ones sign no more. */
	rotateKeys(role: string, delegator = 'root'): void {
		const { keyids } = this.#keysOf(role, delegator);
		const count = keyids.length;
		keyids.length = 0;
		this.signers.set(role, []);
		for (let i = 0; i < count; i++) this.addKey(role, newKey(), delegator);
	}

	/** A delegation from `delegator` to a role with one new key; the drafts are not published. */
	delegate(delegator: string, role: Partial<DelegatedRole> & { readonly name: string }): Draft<TargetsSigned> {
		const from = this.role(delegator);
		from.delegations ??= { keys: {}, roles: [] };
		const by = role.path_hash_prefixes === undefined ? { paths: ['*'] } : {};
		const delegated = { keyids: [], threshold: 1, terminating: false, ...by, ...role };
		from.delegations.roles?.push(structuredClone(delegated) as Draft<DelegatedRole>);
		const draft = this.roles.get(role.name) ?? this.addRole(role.name);
		if (role.keyids === undefined) {
			const known = this.signers.get(role.name)?.[0];
			if (known === undefined) this.addKey(role.name, newKey(), delegator);
			else {
				this.signers.delete(role.name);
				this.addKey(role.name, known, delegator);
			}
		}
		return draft;
	}

	/** 2^bitLength succinct bins below `delegator`, with one key; the drafts are not published. */
	delegateBins(delegator: string, bitLength: number, prefix = 'bin', key: TestKey = newKey()): readonly string[] {
		const succinct_roles = { keyids: [key.keyid], threshold: 1, bit_length: bitLength, name_prefix: prefix };
		const keys = { [key.keyid]: structuredClone(key.key) as Draft<TrustKey> };
		this.role(delegator).delegations = { keys, succinct_roles };
		const names = Array.from({ length: 2 ** bitLength }, (_, index) => binName(succinct_roles, index));
		for (const name of names) {
			this.addRole(name);
			this.signers.set(name, [key]);
		}
		return names;
	}

	/** The bin among those of `delegator` that lists a target of this name. */
	binOf(delegator: string, target: string): string {
		const bins = this.role(delegator).delegations?.succinct_roles;
		if (bins === undefined) throw new Error(`${delegator} has no bins`);
		const hash = pathHash(target, (bytes) => trustHash('sha256', bytes) as string);
		return binName(bins, binIndex(bins.bit_length, hash));
	}

	/** Puts a target on the server and into the draft of a role; publish() makes it known. */
	addTarget(role: string, name: string, content: string | Uint8Array, custom?: unknown): Uint8Array {
		const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
		const sha256 = trustHash('sha256', bytes) as string;
		const file = { length: bytes.length, hashes: { sha256 }, ...(custom === undefined ? {} : { custom }) };
		this.role(role).targets[name] = file;
		const path = this.root.consistent_snapshot ? hashedTargetName(name, sha256) : name;
		this.files.set(`targets/${path}`, bytes);
		return bytes;
	}

	/** Path of a target's file on the server, as addTarget put it. */
	targetFile(role: string, name: string): string {
		const sha256 = this.role(role).targets[name]?.hashes.sha256 as string;
		return `targets/${this.root.consistent_snapshot ? hashedTargetName(name, sha256) : name}`;
	}

	/** Publishes the next version of these roles (default: `targets`), and of the snapshot and the timestamp. */
	publish(...roles: readonly string[]): void {
		for (const role of roles.length === 0 ? ['targets'] : roles) {
			// A role that nobody has seen begins with version 1.
			if (this.snapshot.meta[`${role}.json`] !== undefined) this.role(role).version++;
			this.putRole(role);
		}
		this.publishSnapshot();
	}

	/** Publishes the next version of the snapshot, and of the timestamp. */
	publishSnapshot(): void {
		this.snapshot.version++;
		this.putSnapshot();
		this.publishTimestamp();
	}

	publishTimestamp(): void {
		this.timestamp.version++;
		this.putTimestamp();
	}

	/** Publishes the next version of the root; `also` sign besides its own signers (those that were replaced). */
	publishRoot(also: readonly TestKey[] = []): void {
		this.root.version++;
		this.#putRoot(also);
	}

	/** Signs the draft as it is, version and all, and puts the file there; the draft of the snapshot names it. */
	putRole(role: string): Uint8Array {
		const draft = this.role(role);
		const bytes = this.sign(role, draft);
		this.snapshot.meta[`${role}.json`] = this.#meta(draft.version, bytes);
		return this.#put(role, draft.version, bytes);
	}

	putSnapshot(): Uint8Array {
		const bytes = this.sign('snapshot', this.snapshot);
		this.timestamp.meta['snapshot.json'] = this.#meta(this.snapshot.version, bytes);
		return this.#put('snapshot', this.snapshot.version, bytes);
	}

	putTimestamp(): Uint8Array {
		const bytes = this.sign('timestamp', this.timestamp);
		this.files.set('metadata/timestamp.json', bytes);
		return bytes;
	}

	/** The bytes of a document with the signatures of the role's signers, whatever is in it. */
	sign(role: string, signed: unknown, signers: readonly TestKey[] = this.signers.get(role) ?? []): Uint8Array {
		const message = canonicalJson(signed);
		const signatures = signers.map((signer) => signer.sign(message));
		return new TextEncoder().encode(JSON.stringify({ signatures, signed }));
	}

	#putRoot(also: readonly TestKey[] = []): void {
		const signers = [...(this.signers.get('root') ?? []), ...also];
		const bytes = this.sign('root', this.root, signers);
		this.roots.push(bytes);
		this.files.set(`metadata/${this.root.version}.root.json`, bytes);
	}

	#put(role: string, version: number, bytes: Uint8Array): Uint8Array {
		this.files.set(`metadata/${this.root.consistent_snapshot ? `${version}.` : ''}${role}.json`, bytes);
		return bytes;
	}

	#meta(version: number, bytes: Uint8Array): Draft<MetaFile> {
		return structuredClone(this.hashes ? metaFile(version, bytes, trustHash) : metaFile(version)) as Draft<MetaFile>;
	}

	#signer(role: string): TestKey {
		return this.signers.get(role)?.[0] as TestKey;
	}

	#keysOf(role: string, delegator: string): { keys: Record<string, Draft<TrustKey>>; keyids: string[] } {
		if (delegator === 'root') {
			return { keys: this.root.keys, keyids: this.root.roles[role as MetadataType].keyids };
		}
		const delegations = this.role(delegator).delegations;
		const delegated = delegations?.succinct_roles ?? delegations?.roles?.find(({ name }) => name === role);
		if (delegations === undefined || delegated === undefined)
			throw new Error(`${delegator} does not delegate to ${role}`);
		return { keys: delegations.keys, keyids: delegated.keyids };
	}
}
