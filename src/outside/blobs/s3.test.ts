// Blobs in a bucket: the contract on a real S3 server, and what happens where requests to it fail, in pairs: failed
// without and failed with effect.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
	type AskedOfS3,
	type Fault,
	type FaultyEndpoint,
	startFaultyEndpoint,
} from '../../../testing/s3/faulty-endpoint.ts';
import { type RunningS3, startS3 } from '../../../testing/s3/s3.ts';
import {
	assertAbsent,
	blobStoreContract,
	discard,
	pieces,
	readAll,
	readBlob,
	refused,
	sampleBytes,
	sha256,
} from '../../artifact/contract.ts';
import type { BlobStore } from '../../artifact/store.ts';
import { openS3Blobs } from './s3.ts';

let s3: RunningS3;
let faulty: FaultyEndpoint;
let prefixes = 0;
const plenty = { maximum: 2 ** 30 };
// s3rver does not ask for 5 MiB, as S3 does.
const partSize = 128 * 1024;
const big = sampleBytes(2 * partSize + 3, 1);
const small = sampleBytes(100_000, 2);

before(async () => {
	s3 = await startS3();
	faulty = await startFaultyEndpoint(s3.endpoint);
});
after(async () => {
	await faulty.stop();
	await s3.stop();
});

/** Each time under another prefix: empty. */
async function withBucket(use: (blobs: BlobStore) => Promise<void>): Promise<void> {
	const blobs = await openS3Blobs(s3.address(`run-${prefixes++}/of tests`, faulty.endpoint), partSize);
	try {
		await use(blobs);
	} finally {
		faulty.fail(() => undefined);
		blobs.close();
	}
}

blobStoreContract('s3', withBucket, partSize);

const isPut = ({ method, path }: AskedOfS3) => method === 'PUT' && path.includes('PutObject');
const isBegin = ({ method, path }: AskedOfS3) => method === 'POST' && path.includes('uploads');
const isPart = ({ method, path }: AskedOfS3) => method === 'PUT' && path.includes('UploadPart');
const isComplete = ({ method, path }: AskedOfS3) => method === 'POST' && path.includes('uploadId=');
const isGet = ({ method, path }: AskedOfS3) => method === 'GET' && path.includes('sha256/');
const isAbort = ({ method, path }: AskedOfS3) => method === 'DELETE' && path.includes('uploadId=');

/** The rule fails the first `times` requests that `which` picks. */
function failing(which: (asked: AskedOfS3) => boolean, fault: Fault, times = Number.POSITIVE_INFINITY) {
	let left = times;
	faulty.fail((asked) => (which(asked) && left-- > 0 ? fault : undefined));
}

const steps = [
	['the single request', small, isPut],
	['the begin of a multipart upload', big, isBegin],
	['a part', big, isPart],
	['the completion', big, isComplete],
] as const;

for (const [step, bytes, which] of steps) {
	for (const kind of ['failed-not-done', 'failed-but-done', 'unavailable'] as const) {
		test(`s3: an upload survives ${step} that failed once (${kind})`, () =>
			withBucket(async (blobs) => {
				failing(which, { kind }, 1);
				// S3 forgets an upload once it is complete: the SDK's second attempt is then refused, and ours too.
				const put = blobs.put(sha256(bytes), pieces(bytes), plenty);
				if (which === isComplete && kind === 'failed-but-done') await put.catch(refused('blobs-unavailable'));
				else await put;
				assert.ok(Buffer.from((await readBlob(blobs, sha256(bytes))) ?? []).equals(bytes));
			}));
	}

	for (const kind of ['failed-not-done', 'unavailable'] as const) {
		test(`s3: where ${step} keeps failing (${kind}), the upload fails and leaves nothing`, () =>
			withBucket(async (blobs) => {
				failing(which, { kind });
				const begun = faulty.asked.length;
				const put = blobs.put(sha256(bytes), pieces(bytes), plenty);
				await assert.rejects(put, refused('blobs-unavailable', /cannot be stored in S3/));
				const aborted = faulty.asked.slice(begun).some(isAbort);
				assert.equal(aborted, which === isPart || which === isComplete, 'a multipart upload under way is aborted');
				faulty.fail(() => undefined);
				await assertAbsent(blobs, sha256(bytes));
			}));
	}
}

test('s3: where the answer to every completion is lost, the blob is there whole or not at all', () =>
	withBucket(async (blobs) => {
		failing(isComplete, { kind: 'failed-but-done' });
		await assert.rejects(blobs.put(sha256(big), pieces(big), plenty), refused('blobs-unavailable'));
		faulty.fail(() => undefined);
		assert.ok(Buffer.from((await readBlob(blobs, sha256(big))) ?? big).equals(big));
	}));

test('s3: an upload whose stream breaks aborts its multipart upload', () =>
	withBucket(async (blobs) => {
		const begun = faulty.asked.length;
		async function* broken() {
			yield* pieces(big.subarray(0, partSize + 1));
			throw new Error('the client is gone');
		}
		await assert.rejects(blobs.put(sha256(big), broken(), plenty), /the client is gone/);
		const asked = faulty.asked.slice(begun);
		assert.ok(asked.some(isBegin) && asked.some(isAbort) && !asked.some(isComplete));
		await assertAbsent(blobs, sha256(big));
	}));

test('s3: a download whose connection ends early is taken up where it ended', () =>
	withBucket(async (blobs) => {
		await blobs.put(sha256(big), pieces(big), plenty);
		failing(isGet, { kind: 'answer-cut', after: 50_000 }, 4);
		assert.ok(Buffer.from((await readBlob(blobs, sha256(big))) ?? []).equals(big));
	}));

test('s3: a download that gets no further throws instead of ending short', () =>
	withBucket(async (blobs) => {
		await blobs.put(sha256(small), pieces(small), plenty);
		let asked = 0;
		faulty.fail((one) => (isGet(one) ? { kind: 'answer-cut', after: asked++ === 0 ? 50_000 : 0 } : undefined));
		await assert.rejects(readBlob(blobs, sha256(small)), refused('blobs-unavailable', /cannot be read from S3/));
	}));

test('s3: a server that ignores Range is noticed, and its bytes are not used', () =>
	withBucket(async (blobs) => {
		await blobs.put(sha256(small), pieces(small), plenty);
		failing(isGet, { kind: 'range-ignored' });
		const blob = await blobs.open(sha256(small));
		const read = readAll(blob?.readRange(10, 19) ?? pieces(small));
		await assert.rejects(read, refused('blobs-unavailable', /did not send the range/));
	}));

test('s3: a blob that is removed while it is read throws', () =>
	withBucket(async (blobs) => {
		await blobs.put(sha256(small), pieces(small), plenty);
		const blob = await blobs.open(sha256(small));
		await blobs.removeUnless(sha256(small), discard);
		await assert.rejects(readAll(blob?.readRange(0, 9) ?? pieces(small)), refused('blobs-unavailable'));
	}));

test('s3: a bucket that fails is no absence', () =>
	withBucket(async (blobs) => {
		failing(() => true, { kind: 'unavailable' });
		await assert.rejects(blobs.stat(sha256(small)), refused('blobs-unavailable', /HTTP 503/));
		await assert.rejects(blobs.open(sha256(small)), refused('blobs-unavailable'));
		await assert.rejects(blobs.list({ limit: 1 }), refused('blobs-unavailable'));
		await assert.rejects(blobs.removeUnless(sha256(small), discard), refused('blobs-unavailable'));
	}));

test('s3: a bucket that does not exist, or an endpoint where nothing listens, is refused at the start', async () => {
	const address = { ...s3.address(), bucket: 'no-such-bucket' };
	await assert.rejects(openS3Blobs(address), refused('blobs-unavailable', /bucket cannot be used/));
	await assert.rejects(openS3Blobs(s3.address('', 'http://127.0.0.1:1')), refused('blobs-unavailable'));
});
