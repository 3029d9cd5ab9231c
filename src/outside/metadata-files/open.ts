// Where a server puts metadata: the folder of its data directory, or the bucket that --blobs names.

import type { MetadataFiles } from '../../trust/store.ts';
import type { S3Address } from '../blobs/s3-address.ts';
import { openDiskMetadata } from './disk.ts';

/** @throws CaissonError blobs-unavailable */
export async function openMetadataFiles(
	bucket: S3Address | undefined,
	folder: string,
): Promise<MetadataFiles & { close(): void }> {
	if (bucket === undefined) return { ...(await openDiskMetadata(folder)), close: () => undefined };
	// Loaded late: the AWS SDK costs every start of a server that has no bucket.
	const { openS3Metadata } = await import('./s3.ts');
	return openS3Metadata(bucket);
}
