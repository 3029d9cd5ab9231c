// Which blob store a server uses: the folder of its data directory, or the bucket that --blobs names.

import type { BlobStore } from '../../artifact/store.ts';
import { openDiskBlobs } from './disk.ts';
import type { S3Address } from './s3-address.ts';

export type OpenBlobs = (bucket: S3Address | undefined, folder: string) => Promise<BlobStore & { close(): void }>;

/** @throws CaissonError blobs-unavailable */
export const openBlobs: OpenBlobs = async (bucket, folder) => {
	if (bucket === undefined) return openDiskBlobs(folder);
	// Loaded late: the AWS SDK costs every start of a server that has no bucket.
	const { openS3Blobs } = await import('./s3.ts');
	return openS3Blobs(bucket);
};
