// Metadata as objects of the bucket that holds artifacts: PREFIX/tuf/<name>, with the headers that let the bucket be
// served as it is. S3 shows an object when it is complete and not before. It loads the AWS SDK: import it only where a
// bucket is used (open.ts does).

import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { isImmutable } from '../../trust/rules/metadata/file-names.ts';
import type { MetadataFiles } from '../../trust/store.ts';
import { attempt, found, s3Client } from '../blobs/s3.ts';
import type { S3Address } from '../blobs/s3-address.ts';

/** The bucket is not asked for anything until it is used. */
export function openS3Metadata(address: S3Address): MetadataFiles & { close(): void } {
	const client = s3Client(address);
	const at = (name: string) => ({ Bucket: address.bucket, Key: `${address.prefix}tuf/${name}` });
	return {
		async write(name, bytes) {
			const headers = {
				ContentType: 'application/json',
				CacheControl: isImmutable(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
			};
			const command = new PutObjectCommand({ ...at(name), ...headers, Body: bytes });
			await attempt(`The metadata file ${name} cannot be written to S3`, () => client.send(command));
		},
		async read(name) {
			return await found(`The metadata file ${name} cannot be read from S3`, async () => {
				const { Body } = await client.send(new GetObjectCommand(at(name)));
				return await Body?.transformToByteArray();
			});
		},
		async remove(name) {
			const command = new DeleteObjectCommand(at(name));
			await attempt(`The metadata file ${name} cannot be removed from S3`, () => client.send(command));
		},
		close: () => client.destroy(),
	};
}
