// Proves that Caisson answers as wfx 0.6.0 did, without a wfx: the whole script is run against the real application, and
// the answers are compared with the recorded ones. What may differ stands in accepted.json, and nowhere else; a row of it
// that no longer occurs fails as well, and so does a table in docs/wfx-compatibility.md that says something else.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startApplication } from '../application/application.ts';
import { acceptedTable, judge, page, readAccepted, withTable } from './accepted.ts';
import { compareChapter, type Difference } from './compare.ts';
import { readRecording } from './recording.ts';
import { runChapter } from './run.ts';
import { makeSampleFiles } from './sample-files.ts';
import { script } from './script/script.ts';
import type { Chapter } from './step.ts';

const recordings = new URL('../../testdata/wfx-0.6.0/', import.meta.url).pathname;

async function differencesOf(chapters: readonly Chapter[], files?: string): Promise<Difference[]> {
	const application = await startApplication({ downloads: () => files });
	try {
		const server = { south: new URL(application.south), north: new URL(application.north) };
		const found: Difference[] = [];
		for (const chapter of chapters) {
			const [answers] = await runChapter(chapter, [server]);
			if (answers !== undefined)
				found.push(...compareChapter(chapter.name, readRecording(recordings, chapter.name), answers));
		}
		return found;
	} finally {
		await application.stop();
	}
}

test('Caisson differs from wfx 0.6.0 in what the table accepts and in nothing else', async (t) => {
	const files = mkdtempSync(join(tmpdir(), 'caisson-downloads-'));
	t.after(() => rmSync(files, { recursive: true }));
	makeSampleFiles(files);
	const differences = [
		...(await differencesOf(script.filter((chapter) => chapter.needsFiles !== true))),
		...(await differencesOf(
			script.filter((chapter) => chapter.needsFiles === true),
			files,
		)),
	];
	const { refused, unused } = judge(differences, readAccepted());
	assert.deepEqual(
		refused.map(({ chapter, step, what, a, b }) => `${chapter}/${step}: ${what}\n  wfx ${a}\n  Caisson ${b}`),
		[],
	);
	assert.deepEqual(
		unused.map((place) => `${place} no longer differs`),
		[],
	);
});

test('the table in docs/wfx-compatibility.md is the accepted one', () => {
	const text = readFileSync(page, 'utf8');
	assert.equal(text, withTable(text, acceptedTable(readAccepted())));
	assert.ok(text.includes(acceptedTable(readAccepted())), 'the marks around the table are gone');
});
