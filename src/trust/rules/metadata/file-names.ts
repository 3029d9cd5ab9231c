// The names that metadata and targets have on a repository, with and without consistent snapshots (clause 6.2). They are
// relative to the base URL of metadata or of targets. Names of roles are escaped as python-tuf does, so that a role named
// `../x` or `a/b` stays one file.

/** `3.root.json`, or `timestamp.json` without a version. */
export function metadataFileName(role: string, version?: number): string {
	const name = encodeURIComponent(role).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
	return version === undefined ? `${name}.json` : `${version}.${name}.json`;
}

/** Does the name hold a version? The bytes behind such a name never change (clause 6.2). */
export function isImmutable(name: string): boolean {
	return /^[0-9]+\../.test(name);
}

/** The file that a name stands for, as metadataFileName writes it, however the request wrote it; undefined for others. */
export function requestedFile(name: string): string | undefined {
	if (name === 'timestamp.json') return name;
	const [, version, role] = /^([1-9][0-9]{0,15})\.(.{1,200})\.json$/s.exec(name) ?? [];
	return version === undefined || role === undefined || !role.isWellFormed()
		? undefined
		: metadataFileName(role, Number(version));
}

/** The name by which timestamp and snapshot list the metadata of a role: neither escaped nor with a version. */
export function metaKey(role: string): string {
	return `${role}.json`;
}

/** `dir/HASH.name` for the target `dir/name`. */
export function hashedTargetName(path: string, digest: string): string {
	const slash = path.lastIndexOf('/') + 1;
	return `${path.slice(0, slash)}${digest}.${path.slice(slash)}`;
}
