// Where metadata lies as devices fetch it: a folder or a bucket that can be served as it is. It leaves out names
// (rules/metadata/file-names.ts) and the order of writing (outbox.ts).

export interface MetadataFiles {
	/**
	 * Writes the file whole or not at all, durable on return; one that was there is replaced. Several servers may do so at
	 * once: the last one stays. Nothing is retried.
	 * @throws CaissonError blobs-unavailable
	 */
	write(name: string, bytes: Uint8Array): Promise<void>;
	/** Absent: undefined. @throws CaissonError blobs-unavailable */
	read(name: string): Promise<Uint8Array | undefined>;
	/** Gone on return; one that was not there is no error. @throws CaissonError blobs-unavailable */
	remove(name: string): Promise<void>;
}
