// How a bucket is named on the command line: s3://BUCKET/PREFIX?endpoint=URL&region=NAME. Credentials are not part of
// it: they come from the environment, a profile or the machine's role, as for every program that uses S3.

export interface S3Address {
	readonly bucket: string;
	/** Empty, or ends in '/'. */
	readonly prefix: string;
	/** Where the S3 API is, where it is not Amazon's. */
	readonly endpoint?: string;
	readonly region?: string;
	/** As it was given: it holds no secret. */
	readonly text: string;
}

/** @throws RangeError saying what is wrong with the text */
export function parseS3Address(text: string): S3Address {
	const form = 's3://BUCKET/PREFIX?endpoint=URL&region=NAME';
	let url: URL;
	try {
		url = new URL(text);
	} catch {
		throw new RangeError(`'${text}' is not of the form ${form}`);
	}
	if (url.protocol !== 's3:') throw new RangeError(`'${text}' is not of the form ${form}`);
	// The message leaves out the text: what stands there may be a secret.
	if (url.username || url.password) {
		throw new RangeError(
			'an address holds no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
		);
	}
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host)) {
		throw new RangeError(`'${url.host}' is not the name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-'`);
	}
	for (const name of url.searchParams.keys()) {
		if (!['endpoint', 'region'].includes(name)) throw new RangeError(`'${name}' is unknown: write ${form}`);
	}
	const prefix = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
	if (prefix.length > 512 || prefix.split('/').includes('..')) throw new RangeError(`'${prefix}' cannot be a prefix`);
	const endpoint = url.searchParams.get('endpoint') ?? undefined;
	const region = url.searchParams.get('region') ?? undefined;
	if (endpoint !== undefined) checkEndpoint(endpoint);
	if (region !== undefined && !/^[a-z0-9-]{1,64}$/.test(region)) throw new RangeError(`'${region}' is not a region`);
	return {
		bucket: url.host,
		prefix: prefix === '' ? '' : `${prefix}/`,
		...(endpoint !== undefined && { endpoint }),
		...(region !== undefined && { region }),
		text,
	};
}

function checkEndpoint(endpoint: string): void {
	const url = URL.parse(endpoint);
	if (url === null || !/^https?:$/.test(url.protocol)) {
		throw new RangeError(`endpoint '${endpoint}' is not http://HOST:PORT or https://HOST:PORT`);
	}
	if (url.username || url.password) throw new RangeError('an endpoint holds no credentials');
}
