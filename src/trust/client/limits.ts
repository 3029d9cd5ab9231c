// How much of everything a client takes, in bytes, roles and time: the letters W, X, Y and Z of clause 5. They are
// generous for real repositories and small for a device.

export interface ClientLimits {
	/** Most bytes of a root, a timestamp, a snapshot and the metadata of a targets role, whatever is signed about them. */
	readonly root: number;
	readonly timestamp: number;
	/** 16,384 bins with length and hash are about 2.5 MB. */
	readonly snapshot: number;
	readonly targets: number;
	/** Most roots that one refresh follows; the next refresh goes on from there. */
	readonly roots: number;
	/** Most roles that the search for one target asks. */
	readonly roles: number;
	/** Milliseconds until one metadata file must be there. */
	readonly deadline: number;
}

export const defaultClientLimits: ClientLimits = {
	root: 512_000,
	timestamp: 64_000,
	snapshot: 16_000_000,
	targets: 16_000_000,
	roots: 1024,
	roles: 64,
	deadline: 120_000,
};
