// The worker threads when work is ended from outside.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { CompressionWorkers } from './workers.ts';

it('a packet that is handed over after Ctrl-C is refused, and does not end the process where nobody waits for it', async () => {
	const interruption = new AbortController();
	const workers = new CompressionWorkers(
		1,
		{
			compression: 'zstd',
			level: 1,
			strategy: 'zstd',
			dictionary: undefined,
			chunkChecksumType: 'sha256',
			uncompressedDigests: true,
		},
		interruption.signal,
	);
	try {
		interruption.abort();
		const ends = Uint32Array.of(1);
		const late = workers.compress({ sequence: 0, input: new ArrayBuffer(1), output: new ArrayBuffer(128), ends });
		// The runner fails a test in which a rejection has no one who takes it.
		await setImmediate();
		await assert.rejects(late, { name: 'AbortError' });
	} finally {
		await workers.close();
	}
});
