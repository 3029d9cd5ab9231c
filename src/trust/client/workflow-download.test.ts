// Clause 5.7 of the client workflow: downloads of targets, kept files, interrupted transfers. Real HTTP on loopback,
// repositories made in memory.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { refusalIn, type World, withWorld } from '../../../testing/tuf-repository/device.ts';
import { serveFile } from '../../../testing/tuf-repository/server.ts';
import { partialFolder } from './names.ts';

const bytes = (text: string) => Buffer.from(text);

/** What lies in the device's folder for incomplete downloads. */
const partials = async ({ device }: World) => readdir(join(device.downloads, partialFolder)).catch(() => []);

test('a target is found, fetched and put under its name', () =>
	withWorld(async ({ repository, device }) => {
		repository.addTarget('targets', 'file.txt', 'content');
		repository.publish();
		await device.refresh();
		assert.equal(await device.downloaded('file.txt'), undefined);
		assert.equal(refusalIn(await device.download(['file.txt'])), undefined);
		assert.deepEqual(await device.downloaded('file.txt'), bytes('content'));
	}));

test('a target in folders is put into the same folders', () =>
	withWorld(async ({ repository, device }) => {
		repository.addTarget('targets', 'path/to/a/file.txt', 'content');
		repository.publish();
		assert.equal(refusalIn(await device.download(['path/to/a/file.txt'])), undefined);
		assert.deepEqual(await device.downloaded('path/to/a/file.txt'), bytes('content'));
	}));

test('a download right after the beginning refreshes first, also where the target is unknown', () =>
	withWorld(async ({ server, device }) => {
		assert.equal(refusalIn(await device.download(['no such file'])), 'unknown-target');
		assert.equal(server.requests.length, 4);
		assert.deepEqual(await device.heldFiles(), ['root.json', 'snapshot.json', 'targets.json', 'timestamp.json']);
	}));

test('an empty target is a file', () =>
	withWorld(async ({ repository, device }) => {
		repository.addTarget('targets', 'empty', '');
		repository.publish();
		assert.equal(refusalIn(await device.download(['empty'])), undefined);
		assert.deepEqual(await device.downloaded('empty'), bytes(''));
	}));

test('a target that is there already is not fetched again', () =>
	withWorld(async ({ repository, server, device }) => {
		repository.addTarget('targets', 'file', 'content');
		repository.publish();
		await device.download(['file']);
		server.clear();
		const result = await device.download(['file']);
		assert.equal(result.outcome === 'downloaded' && result.targets[0]?.outcome, 'cached');
		assert.deepEqual(server.requests, ['metadata/2.root.json', 'metadata/timestamp.json']);
	}));

test('a file under the target’s name with other content is replaced', () =>
	withWorld(async ({ repository, device }) => {
		repository.addTarget('targets', 'file', 'content');
		repository.publish();
		await mkdir(device.downloads, { recursive: true });
		await writeFile(join(device.downloads, 'file'), 'CONTENT');
		assert.equal(refusalIn(await device.download(['file'])), undefined);
		assert.deepEqual(await device.downloaded('file'), bytes('content'));
	}));

test('files that the server replaced without new metadata are refused, and what is held stays', () =>
	withWorld(async ({ repository, device }) => {
		repository.addTarget('targets', 'one', 'first content');
		repository.addTarget('targets', 'two', 'second content');
		repository.publish();
		await device.download(['one']);
		for (const name of ['one', 'two'])
			repository.files.set(repository.targetFile('targets', name), bytes('evil content!'));
		assert.equal(refusalIn(await device.download(['one'])), undefined);
		assert.deepEqual(await device.downloaded('one'), bytes('first content'));
		assert.equal(refusalIn(await device.download(['two'])), 'wrong-target');
		assert.equal(await device.downloaded('two'), undefined);
	}));

test('a target that changes again and again is always the signed one', () =>
	withWorld(async ({ repository, device }) => {
		for (let round = 0; round < 6; round++) {
			repository.addTarget('targets', 'file', `content ${round}`);
			repository.addTarget('targets', `new-${round}`, `new ${round}`);
			repository.publish();
			assert.equal(refusalIn(await device.download(['file', `new-${round}`])), undefined);
			repository.files.set(repository.targetFile('targets', 'file'), bytes(`evil ${round}!!`));
			repository.publish();
			assert.equal(refusalIn(await device.download(['file'])), undefined);
			assert.deepEqual(await device.downloaded('file'), bytes(`content ${round}`));
		}
	}));

test('of several targets, one that is refused does not stop the others', () =>
	withWorld(async ({ repository, device }) => {
		repository.addTarget('targets', 'good', 'content');
		repository.publish();
		const result = await device.download(['missing', 'good']);
		const outcomes = result.outcome === 'downloaded' ? result.targets.map(({ outcome }) => outcome) : [];
		assert.deepEqual(outcomes, ['refused', 'downloaded']);
		assert.equal((await device.status()).lastRefusal?.refusal.code, 'unknown-target');
	}));

test('an interrupted download goes on where it stopped', () =>
	withWorld(async (world) => {
		const { repository, server, device } = world;
		const content = repository.addTarget('targets', 'big', Buffer.alloc(300_000, 'abcdefg'));
		repository.publish();
		server.behave(/^targets\//, (_request, response, file) => {
			response.writeHead(200, { 'content-length': content.length });
			response.write((file as Uint8Array).subarray(0, 200_000), () => response.destroy());
		});
		assert.equal(refusalIn(await device.download(['big'])), 'unreachable');
		assert.equal(await device.downloaded('big'), undefined);
		const [left] = await partials(world);
		const { size } = await stat(join(device.downloads, partialFolder, left as string));
		assert.ok(size > 0 && size <= 200_000, String(size));
		server.calm();
		const ranges: (string | undefined)[] = [];
		server.behave(/^targets\//, (request) => {
			ranges.push(request.headers.range);
			return false;
		});
		assert.equal(refusalIn(await device.download(['big'])), undefined);
		assert.deepEqual(await device.downloaded('big'), Buffer.from(content));
		assert.deepEqual(ranges, [`bytes=${size}-`]);
		assert.deepEqual(await partials(world), []);
	}));

test('a server that ignores ranges is read from the beginning', () =>
	withWorld(async (world) => {
		const { repository, server, device } = world;
		const content = repository.addTarget('targets', 'big', Buffer.alloc(100_000, 'abcdefg'));
		repository.publish();
		await leavePartial(world, content.subarray(0, 60_000));
		server.behave(/^targets\//, (request, response, file) => {
			delete request.headers.range;
			serveFile(request, response, file);
		});
		assert.equal(refusalIn(await device.download(['big'])), undefined);
		assert.deepEqual(await device.downloaded('big'), Buffer.from(content));
	}));

test('a server that refuses ranges is read from the beginning', () =>
	withWorld(async (world) => {
		const { repository, server, device } = world;
		const content = repository.addTarget('targets', 'big', Buffer.alloc(100_000, 'abcdefg'));
		repository.publish();
		await leavePartial(world, content.subarray(0, 60_000));
		server.behave(/^targets\//, (request, response) => {
			if (request.headers.range === undefined) return false;
			return response.writeHead(416).end();
		});
		assert.equal(refusalIn(await device.download(['big'])), undefined);
		assert.deepEqual(await device.downloaded('big'), Buffer.from(content));
	}));

for (const [title, held] of [
	['the beginning of an earlier attempt was spoiled', Buffer.alloc(60_000, 'x')],
	['the whole of an earlier attempt was spoiled', Buffer.alloc(100_000, 'x')],
	['an earlier attempt is longer than the target', Buffer.alloc(200_000, 'x')],
] as const) {
	test(`${title}: the target is fetched from its beginning`, () =>
		withWorld(async (world) => {
			const { repository, device } = world;
			const content = repository.addTarget('targets', 'big', Buffer.alloc(100_000, 'abcdefg'));
			repository.publish();
			await leavePartial(world, held);
			assert.equal(refusalIn(await device.download(['big'])), undefined);
			assert.deepEqual(await device.downloaded('big'), Buffer.from(content));
			assert.deepEqual(await partials(world), []);
		}));
}

test('what is left of an earlier attempt and complete needs no request for the target', () =>
	withWorld(async (world) => {
		const { repository, server, device } = world;
		const content = repository.addTarget('targets', 'big', 'all of it');
		repository.publish();
		await leavePartial(world, content);
		server.clear();
		assert.equal(refusalIn(await device.download(['big'])), undefined);
		assert.deepEqual(
			server.requests.filter((path) => path.startsWith('targets/')),
			[],
		);
	}));

test('what is left of other targets is deleted', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		repository.addTarget('targets', 'file', 'content');
		repository.publish();
		await leavePartial(world, bytes('rest'), 'a'.repeat(64));
		await device.download(['file']);
		assert.deepEqual(await partials(world), []);
	}));

test('a target that is shorter than signed is refused, and nothing is left of it', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		repository.addTarget('targets', 'file', 'content');
		repository.publish();
		repository.files.set(repository.targetFile('targets', 'file'), bytes('cont'));
		assert.equal(refusalIn(await device.download(['file'])), 'wrong-target');
		assert.deepEqual(await partials(world), []);
	}));

for (const name of [
	'../out',
	'/etc/passwd',
	'a/../../b',
	'a//b',
	'.',
	'a\u0000b',
	`${partialFolder}/x`,
	'x'.repeat(300),
]) {
	test(`a target named ${JSON.stringify(name.slice(0, 30))} is never a file`, () =>
		withWorld(async ({ repository, server, device }) => {
			repository.delegate('targets', { name: 'all', path_hash_prefixes: [...'0123456789abcdef'] });
			repository.addTarget('all', name, 'content');
			repository.publish('all', 'targets');
			assert.equal(refusalIn(await device.download([name])), 'wrong-target');
			assert.deepEqual(
				server.requests.filter((path) => path.startsWith('targets')),
				[],
			);
			assert.deepEqual(await readdir(device.folder), ['state']);
		}));
}

for (const name of ['späte/datei 1.bin', 'a?b=c#d', '100%', 'a%20b', 'a+b;c=d&e']) {
	test(`a target named ${JSON.stringify(name)} is asked for by that name`, () =>
		withWorld(async ({ repository, server, device }) => {
			repository.delegate('targets', { name: 'all', path_hash_prefixes: [...'0123456789abcdef'] });
			repository.addTarget('all', name, 'content');
			repository.publish('all', 'targets');
			assert.equal(refusalIn(await device.download([name])), undefined);
			assert.equal(server.requests.at(-1), repository.targetFile('all', name));
			assert.deepEqual(await readFile(join(device.downloads, name)), bytes('content'));
		}));
}

test('every hash that metadata names must fit, and one that cannot be checked does not', () =>
	withWorld(async ({ repository, device }) => {
		repository.addTarget('targets', 'wrong', 'content');
		repository.addTarget('targets', 'unknown', 'other content');
		Object.assign(repository.role('targets').targets.wrong?.hashes as object, { sha512: 'ab'.repeat(64) });
		Object.assign(repository.role('targets').targets.unknown?.hashes as object, { blake9: 'ab'.repeat(64) });
		repository.publish();
		assert.equal(refusalIn(await device.download(['wrong'])), 'wrong-target');
		assert.equal(refusalIn(await device.download(['unknown'])), 'wrong-target');
		assert.deepEqual(
			(await readdir(device.downloads)).filter((name) => name !== partialFolder),
			[],
		);
	}));

/** Puts bytes where the download of the only target of `targets`, or of another hash, would go on. */
async function leavePartial({ repository, device }: World, held: Uint8Array, hash?: string): Promise<void> {
	const file = Object.values(repository.role('targets').targets)[0];
	await mkdir(join(device.downloads, partialFolder), { recursive: true });
	await writeFile(join(device.downloads, partialFolder, hash ?? (file?.hashes.sha256 as string)), held);
}

test('nothing is read or written through a link that lies where a file belongs', () =>
	withWorld(async ({ repository, device }) => {
		repository.addTarget('targets', 'file', 'content');
		repository.publish();
		const outside = join(device.folder, 'outside');
		await writeFile(outside, 'content');
		await mkdir(join(device.downloads, partialFolder), { recursive: true });
		await symlink(outside, join(device.downloads, 'file'));
		const digest = createHash('sha256').update('content').digest('hex');
		await symlink(outside, join(device.downloads, partialFolder, digest));
		await assert.rejects(device.download(['file']), { code: 'file-unusable' });
		await rm(join(device.downloads, partialFolder, digest));
		assert.equal(refusalIn(await device.download(['file'])), undefined);
		assert.ok((await lstat(join(device.downloads, 'file'))).isFile());
		assert.equal(await readFile(outside, 'utf8'), 'content');
	}));

test('no target lies in the folder of partial files, also where case does not count', () =>
	withWorld(async ({ repository, device }) => {
		const name = `${partialFolder.toUpperCase()}/file`;
		repository.addTarget('targets', name, 'content');
		repository.publish();
		assert.equal(refusalIn(await device.download([name])), 'wrong-target');
	}));
