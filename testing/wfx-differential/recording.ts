// Recorded answers on disk: one JSON file a chapter, one line a step, so that a changed answer is a changed line in a
// diff. It decides the file form only.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from './step.ts';

/** Writes DIR/CHAPTER.json, making DIR when absent. */
export function writeRecording(dir: string, chapter: string, answers: ReadonlyMap<string, Answer>): void {
	mkdirSync(dir, { recursive: true });
	const lines = [...answers].map(([step, answer]) => `${JSON.stringify(step)}: ${JSON.stringify(answer)}`);
	writeFileSync(join(dir, `${chapter}.json`), `{\n${lines.join(',\n')}\n}\n`);
}

/** The answers recorded for a chapter. Throws when the file is absent or damaged. */
export function readRecording(dir: string, chapter: string): Map<string, Answer> {
	return new Map(Object.entries(JSON.parse(readFileSync(join(dir, `${chapter}.json`), 'utf8'))));
}
