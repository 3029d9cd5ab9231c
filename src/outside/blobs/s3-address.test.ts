import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseS3Address } from './s3-address.ts';

test('an address names bucket, prefix, endpoint and region', () => {
	const text = 's3://my-bucket/caisson/a%20b/?endpoint=https://s3.example:9000&region=eu-central-1';
	assert.deepEqual(parseS3Address(text), {
		...{ bucket: 'my-bucket', prefix: 'caisson/a b/', endpoint: 'https://s3.example:9000', region: 'eu-central-1' },
		text,
	});
	assert.deepEqual(parseS3Address('s3://my-bucket'), { bucket: 'my-bucket', prefix: '', text: 's3://my-bucket' });
});

for (const [text, why] of [
	['', /form s3:/],
	['/var/lib/blobs', /form s3:/],
	['https://my-bucket/', /form s3:/],
	['s3://', /form s3:|not the name of a bucket/],
	['s3://My_Bucket', /not the name of a bucket/],
	['s3://ab', /not the name of a bucket/],
	['s3://my-bucket:80/', /not the name of a bucket/],
	['s3://my-bucket/?endpont=https://x', /'endpont' is unknown/],
	['s3://my-bucket/?endpoint=ftp://x', /is not http:/],
	['s3://my-bucket/?endpoint=s3.example', /is not http:/],
	['s3://my-bucket/?region=a/b', /not a region/],
	['s3://my-bucket/%2e%2e%2fother', /cannot be a prefix/],
] as const) {
	test(`'${text}' is refused`, () => {
		assert.throws(
			() => parseS3Address(text),
			(error) => error instanceof RangeError && why.test(error.message),
		);
	});
}

test('credentials in an address are refused without being repeated', () => {
	for (const text of ['s3://KEY:hunter2@my-bucket/', 's3://my-bucket/?endpoint=https://KEY:hunter2@x/']) {
		assert.throws(
			() => parseS3Address(text),
			(error) => error instanceof RangeError && /no credentials/.test(error.message) && !/hunter2/.test(error.message),
		);
	}
});
