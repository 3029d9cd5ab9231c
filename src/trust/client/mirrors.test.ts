// Several servers of one repository: what one spoils comes from the next, in order, and the report says what each did.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalIn, TestDevice } from '../../../testing/tuf-repository/device.ts';
import { TufRepository } from '../../../testing/tuf-repository/repository.ts';
import { type FileServer, startFileServer } from '../../../testing/tuf-repository/server.ts';
import { Fetcher } from './fetcher.ts';
import { Mirrors } from './mirrors.ts';

interface MirroredWorld {
	readonly repository: TufRepository;
	/** The first is asked first. */
	readonly servers: readonly [FileServer, FileServer];
	readonly device: TestDevice;
}

async function withMirrors(use: (world: MirroredWorld) => Promise<void>): Promise<void> {
	const repository = new TufRepository();
	const servers = [await startFileServer(repository.source), await startFileServer(repository.source)] as const;
	const device = await TestDevice.make(servers[0].url, repository.firstRoot);
	device.settings = {
		metadataUrls: servers.map(({ url }) => `${url}/metadata`),
		targetUrls: servers.map(({ url }) => `${url}/targets`),
		policy: { headLimit: 200, paceWindow: 100, minimumRate: 1000 },
	};
	try {
		await use({ repository, servers, device });
	} finally {
		await device.remove();
		for (const server of servers) await server.close();
	}
}

test('the second mirror is left alone while the first is good', () =>
	withMirrors(async ({ servers, device }) => {
		assert.equal((await device.refresh()).outcome, 'refreshed');
		// Whether there is a newer root is the one question that a mirror cannot answer alone.
		assert.deepEqual(servers[1].requests, ['metadata/2.root.json']);
	}));

test('a mirror that is down is passed over, and asked last for the rest of the refresh', () =>
	withMirrors(async ({ servers, device }) => {
		servers[0].behave(/./, (_request, response) => response.destroy());
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(servers[0].requests.length, 1);
	}));

test('a mirror that has nothing is passed over', () =>
	withMirrors(async ({ repository, servers, device }) => {
		repository.addTarget('targets', 'file', 'content');
		repository.publish();
		servers[0].behave(/./, (_request, response) => response.writeHead(404).end());
		assert.equal(refusalIn(await device.download(['file'])), undefined);
	}));

test('a mirror that spoils metadata is passed over', () =>
	withMirrors(async ({ servers, device }) => {
		servers[0].behave(/json$/, (_request, response) => response.end('{"signatures":[],"signed":{}}'));
		assert.equal((await device.refresh()).outcome, 'refreshed');
	}));

test('a mirror that stands still serves expired metadata and is passed over', () =>
	withMirrors(async ({ repository, servers, device }) => {
		const draft = { ...repository.timestamp, expires: repository.inDays(-1) };
		const old = repository.sign('timestamp', draft);
		repository.publish();
		servers[0].behave(/timestamp/, (_request, response) => response.end(old));
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(await device.version('timestamp'), 2);
	}));

test('a mirror with what is meant for another device is passed over, whatever version that has', () =>
	withMirrors(async ({ repository, servers, device }) => {
		const foreign = (version: number) =>
			repository.sign('timestamp', { ...repository.timestamp, version, 'x-for': 'another device' });
		const refuseTimestamp = (timestamp: object) => ('x-for' in timestamp ? 'it is for another device' : undefined);
		for (const version of [1, 9]) {
			const bytes = foreign(version);
			servers[0].behave(/timestamp/, (_request, response) => response.end(bytes));
			const refreshed = await device.refresh({ refuseTimestamp });
			assert.equal(refreshed.outcome, 'refreshed', JSON.stringify(refreshed));
			assert.equal(await device.version('timestamp'), 1);
		}
	}));

test('a mirror that drips is passed over', () =>
	withMirrors(async ({ repository, servers, device }) => {
		repository.addTarget('targets', 'file', Buffer.alloc(10_000, 'x'));
		repository.publish();
		servers[0].behave(/^targets\//, (_request, response, file) => {
			response.writeHead(200, { 'content-length': (file as Uint8Array).length });
			const timer = setInterval(() => response.write('x'), 20);
			response.on('close', () => clearInterval(timer));
		});
		assert.equal(refusalIn(await device.download(['file'])), undefined);
		assert.deepEqual(await device.downloaded('file'), Buffer.alloc(10_000, 'x'));
	}));

test('a mirror that spoils a target is passed over, and what it sent is not kept', () =>
	withMirrors(async ({ repository, servers, device }) => {
		repository.addTarget('targets', 'file', Buffer.alloc(10_000, 'x'));
		repository.publish();
		servers[0].behave(/^targets\//, (_request, response) => response.end(Buffer.alloc(10_000, 'y')));
		assert.equal(refusalIn(await device.download(['file'])), undefined);
		assert.deepEqual(await device.downloaded('file'), Buffer.alloc(10_000, 'x'));
	}));

test('a download goes on at the second mirror where the first broke off', () =>
	withMirrors(async ({ repository, servers, device }) => {
		repository.addTarget('targets', 'file', Buffer.alloc(400_000, 'abc'));
		repository.publish();
		servers[0].behave(/^targets\//, (_request, response, file) => {
			response.writeHead(200, { 'content-length': 400_000 });
			response.write((file as Uint8Array).subarray(0, 300_000), () => response.destroy());
		});
		let range: string | undefined;
		servers[1].behave(/^targets\//, (request) => {
			range = request.headers.range;
			return false;
		});
		assert.equal(refusalIn(await device.download(['file'])), undefined);
		assert.match(range ?? '', /^bytes=[1-9]\d*-$/);
	}));

test('a newer root is found although the first mirror withholds it', () =>
	withMirrors(async ({ repository, servers, device }) => {
		repository.publishRoot();
		servers[0].behave(/2\.root/, (_request, response) => response.writeHead(404).end());
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(await device.version('root'), 2);
	}));

test('a mirror that serves rubbish for the next root does not stop the refresh', () =>
	withMirrors(async ({ servers, device }) => {
		servers[1].behave(/2\.root/, (_request, response) => response.end('rubbish'));
		assert.equal((await device.refresh()).outcome, 'refreshed');
	}));

test('where every mirror fails, the refusal names each with its reason, and the attack before the outage', () =>
	withMirrors(async ({ servers, device }) => {
		servers[0].behave(/timestamp/, (_request, response) => response.writeHead(500).end());
		servers[1].behave(/timestamp/, (_request, response) => response.end('x'.repeat(100_000)));
		const result = await device.refresh();
		assert.equal(refusalIn(result), 'endless-data');
		const mirrors = result.outcome === 'refused' ? (result.refusal.mirrors ?? []) : [];
		assert.deepEqual(
			mirrors.map(({ mirror, code }) => [mirror, code]),
			[
				[`${servers[0].url}/metadata`, 'unreachable'],
				[`${servers[1].url}/metadata`, 'endless-data'],
			],
		);
		assert.deepEqual((await device.status()).lastRefusal?.refusal, result.outcome === 'refused' && result.refusal);
	}));

for (const url of ['', 'file:///etc', 'ftp://host/', 'http://user:secret@host/', 'http://host/?a', 'http://host/#a']) {
	test(`${JSON.stringify(url)} is no address of a repository, and the message does not repeat it`, () => {
		const fetcher = new Fetcher();
		assert.throws(
			() => new Mirrors(fetcher, [url]),
			(error: Error & { code?: string }) => error.code === 'configuration-invalid' && !error.message.includes('secret'),
		);
		fetcher.close();
	});
}
