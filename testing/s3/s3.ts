// An S3 server for tests: s3rver in this process, on a temporary folder and a free port, with one bucket. It does not
// know AbortMultipartUpload and serves no checksums; faulty-endpoint.ts in front of it shows what was asked of it.

import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseS3Address, type S3Address } from '../../src/outside/blobs/s3-address.ts';

export interface RunningS3 {
	/** 'http://127.0.0.1:PORT' */
	readonly endpoint: string;
	/** The bucket under this prefix, reached through `endpoint` (default: this server's own). */
	address(prefix?: string, endpoint?: string): S3Address;
	stop(): Promise<void>;
}

const bucket = 'caisson-test';

interface S3rver {
	run(): Promise<AddressInfo>;
	close(): Promise<void>;
}

/** Starts it, and sets the credentials that it accepts in the environment of this process. */
export async function startS3(): Promise<RunningS3> {
	// The package has no types.
	const { default: S3rver } = (await import('s3rver' as string)) as { default: new (options: object) => S3rver };
	const directory = mkdtempSync(join(tmpdir(), 'caisson-s3-'));
	const server = new S3rver({
		...{ address: '127.0.0.1', port: 0, silent: true, directory, vhostBuckets: false },
		configureBuckets: [{ name: bucket }],
	});
	const { port } = await server.run();
	process.env.AWS_ACCESS_KEY_ID = 'S3RVER';
	process.env.AWS_SECRET_ACCESS_KEY = 'S3RVER';
	const endpoint = `http://127.0.0.1:${port}`;
	return {
		endpoint,
		address: (prefix = '', at = endpoint) => parseS3Address(`s3://${bucket}/${prefix}?endpoint=${at}`),
		stop: async () => {
			await server.close();
			rmSync(directory, { recursive: true, force: true });
		},
	};
}
