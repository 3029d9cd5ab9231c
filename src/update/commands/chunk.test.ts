// `caisson update chunk` as a person sees it: results, notes, exit codes.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type RecordingOptions, recordingTerminal } from '../../terminal/recording-terminal.ts';
import { chunkCommand } from './chunk.ts';

const golden = (name: string) => fileURLToPath(new URL(`../../../testdata/zchunk/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'caisson-chunk-'));
after(() => rmSync(folder, { recursive: true }));
const image = join(folder, 'image');
writeFileSync(image, readFileSync(golden('none.zck')).subarray(-240_000));

async function run(words: readonly string[], options: RecordingOptions = {}) {
	const terminal = recordingTerminal(options);
	await chunkCommand(terminal)
		.exitOverride()
		.parseAsync([...words], { from: 'user' });
	return terminal;
}

describe('caisson update chunk', () => {
	it('makes a .zck and its header, and says what they are', async () => {
		const [output, header] = [join(folder, 'made.zck'), join(folder, 'made.zhr')];
		const made = await run([image, '-o', output, '--header', header]);
		assert.match(
			made.stdoutText,
			/made\.zck: \d+ bytes, \d+\.\d % of the image\n5 chunks of 240000 bytes, header \d+ bytes\n/,
		);
		assert.doesNotMatch(made.stderrText, /Warning/);
		const json = JSON.parse((await run([image, '-o', output, '--format', 'json'])).stdoutText);
		assert.equal(json.size, readFileSync(output).length);
		assert.equal((await run(['--verify', output])).exitCode, 0);
		assert.match((await run(['--info', header])).stdoutText, /^Content: +detached header$/m);
	});

	it('warns of what SWUpdate could not use', async () => {
		const { stderrText } = await run([image, '-o', join(folder, 'none.zck'), '--compression', 'none']);
		assert.match(stderrText, /Warning: The \.zck has the compression none/);
	});

	it('shows a .zck, its chunks, and what a device with another would download', async () => {
		const text = (await run(['--info', golden('changed.zck'), '--against', golden('swupdate.zhr'), '--chunks']))
			.stdoutText;
		assert.match(text, /^Image: +240009 bytes in \d+ chunks$/m);
		assert.match(text, /^Download: +\d+ bytes/m);
		assert.match(text, /missing chunks \d+ in 1 range$/m);
		assert.match(text, /^ +0 +\d+ +\d+ +\d+ +[0-9a-f]{64}$/m);
		const words = [
			'--info',
			golden('changed.zck'),
			'--against',
			golden('swupdate.zck'),
			'--chunks',
			'--format',
			'json',
		];
		const json = JSON.parse((await run(words)).stdoutText);
		assert.equal(json.chunks.length, json.chunkCount);
		assert.equal(json.download.chunksMissing, 1);
		assert.equal(json.deltaHandler, true);
	});

	it('verifies: exit code 1 and the chunk where one is damaged', async () => {
		assert.match((await run(['--verify', golden('default.zck')])).stdoutText, /^Good .*checksums/);
		const damaged = join(folder, 'damaged.zck');
		copyFileSync(golden('default.zck'), damaged);
		const bytes = readFileSync(damaged);
		bytes[bytes.length - 5] = (bytes.at(-5) as number) ^ 1;
		writeFileSync(damaged, bytes);
		const { stdoutText, exitCode } = await run(['--verify', damaged]);
		assert.match(stdoutText, /^Wrong {2}Chunk \d+ is damaged.*\n.*must not be published/);
		assert.equal(exitCode, 1);
		await assert.rejects(run(['--verify', golden('swupdate.zhr')]), {
			code: 'zchunk-malformed',
			message: /without its body/,
		});
	});

	it('refuses words that do not go together, and an image that is its own output', async () => {
		const wrong = (words: string[], message: RegExp) => assert.rejects(run(words), { code: 'usage-wrong', message });
		await wrong([], /Name one thing/);
		await wrong([image], /Say with -o/);
		await wrong([image, '--info', image, '-o', 'x'], /Name one thing/);
		await wrong(['--info', image, '-o', 'x'], /go with an image/);
		await wrong([image, '-o', image], /named twice/);
		await wrong([image, '-o', join(folder, 'same'), '--header', join(folder, 'same')], /named twice/);
	});

	it('leaves nothing when it is interrupted', async () => {
		const before = readdirSync(folder).sort();
		const interrupted = AbortSignal.abort();
		await assert.rejects(run([image, '-o', join(folder, 'never.zck')], { interrupted }));
		assert.deepEqual(readdirSync(folder).sort(), before);
	});
});
