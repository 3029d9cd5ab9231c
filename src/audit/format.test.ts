// The verifier that docs/formats/audit.md prints, run on real exports: the page is right, and the format needs no Caisson.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTemporary } from '../../testing/database/temporary-database.ts';
import { exportLines } from './export.ts';
import { sealCommitted } from './sealing.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const page = readFileSync(new URL('../../docs/formats/audit.md', import.meta.url), 'utf8');
const python = spawnSync('python3', ['--version']).status === 0;

test('the verifier in docs/formats/audit.md judges exports as Caisson does', {
	skip: !python && 'no python3',
}, async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-audit-format-'));
	const database = await openTemporary();
	try {
		const { storage } = database;
		const world = { chain: storage.chain, commit: storage.commit, now: () => 5, sha256 };
		let head = '';
		for (let number = 1; number <= 1500; number++) {
			const detail = number % 2 === 0 ? { detail: { text: 'ä\u2028"\\\n\u007f😀', number: 1e21, small: 0.1 } } : {};
			const row = { time: number, actor: 'a "b"', action: 'x.y', subject: `ü\t${number}`, ...detail };
			await storage.commit((unit) => unit.audit.append(row));
			if (number % 700 === 0) head = (await sealCommitted(world))?.hash ?? '';
		}
		let text = '';
		for await (const part of exportLines(storage.chain, 0, sha256)) text += part;

		const script = join(folder, 'verify.py');
		writeFileSync(script, /```python\n([\s\S]*?)```/.exec(page)?.[1] ?? '');
		const run = (content: string) => {
			const file = join(folder, 'export.ndjson');
			writeFileSync(file, content);
			const { status, stdout, stderr } = spawnSync('python3', [script, file], { encoding: 'utf8' });
			return [status, stdout.trim() + stderr.trim()];
		};
		assert.deepEqual(run(text), [0, `intact; 100 rows not yet sealed; head ${head}`]);
		const lines = text.split('\n');
		assert.deepEqual(run(text.replace('"time":42,', '"time":43,')), [1, 'row 42 is not what was sealed']);
		assert.deepEqual(run(lines.toSpliced(9, 1).join('\n')), [
			1,
			'row 9 is not what was sealed\nthe export was cut off',
		]);
		const seal = lines.findIndex((line) => line.startsWith('{"seal":1'));
		const resealed = lines.with(seal, (lines[seal] ?? '').replace('"time":5', '"time":6'));
		assert.deepEqual(run(resealed.join('\n')), [1, 'seal 1 was changed']);
		assert.deepEqual(run(`${lines.slice(0, -2).join('\n')}\n`), [1, 'the export was cut off']);
	} finally {
		await database.destroy();
		rmSync(folder, { recursive: true });
	}
});
