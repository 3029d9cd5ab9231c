// Passes chunks on and ends a source that gives too little: over each window of waiting, a number of bytes must come.
// Only the time spent waiting for the source counts, so a slow disk is not held against a server.

/**
 * @param least bytes that must come in each window; 0: no minimum
 * @param window milliseconds
 * @param tooSlow called once, when a window ends with less; it must make the source fail
 */
export async function* steadily(
	source: AsyncIterable<Uint8Array>,
	least: number,
	window: number,
	tooSlow: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
	let bytes = 0;
	let waited = 0;
	const iterator = source[Symbol.asyncIterator]();
	try {
		for (;;) {
			let since = performance.now();
			const judge = (): NodeJS.Timeout | undefined => {
				if (bytes < least) {
					tooSlow();
					return undefined;
				}
				bytes = 0;
				waited = 0;
				since = performance.now();
				return setTimeout(again, window);
			};
			const again = () => {
				timer = judge();
			};
			let timer: NodeJS.Timeout | undefined = setTimeout(again, Math.max(0, window - waited));
			const next = await iterator.next().finally(() => clearTimeout(timer));
			if (next.done) return;
			waited += performance.now() - since;
			bytes += next.value.length;
			yield next.value;
		}
	} finally {
		await iterator.return?.();
	}
}
