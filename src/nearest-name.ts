// Which known name a mistyped one probably means: for every place that refuses an unknown name. It leaves out what is
// done with the guess.

/**
 * The candidate with the smallest edit distance (Levenshtein, adjacent swaps counted once), or undefined where none is
 * near enough to be what was meant: at most 3 edits, and at most a third of the name (but one is always allowed).
 */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
	const limit = Math.min(3, Math.max(1, Math.floor(name.length / 3)));
	let best: { candidate: string; distance: number } | undefined;
	for (const candidate of candidates) {
		if (Math.abs(candidate.length - name.length) > limit) continue;
		const distance = editDistance(name, candidate);
		if (distance <= limit && (best === undefined || distance < best.distance)) best = { candidate, distance };
	}
	return best?.candidate;
}

function editDistance(from: string, to: string): number {
	let beforeLast: number[] = [];
	let last = Array.from({ length: to.length + 1 }, (_, column) => column);
	for (let row = 1; row <= from.length; row++) {
		const current = [row];
		for (let column = 1; column <= to.length; column++) {
			const same = from[row - 1] === to[column - 1];
			let least = Math.min(
				(last[column] ?? 0) + 1,
				(current[column - 1] ?? 0) + 1,
				(last[column - 1] ?? 0) + (same ? 0 : 1),
			);
			if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
				least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
			}
			current.push(least);
		}
		beforeLast = last;
		last = current;
	}
	return last[to.length] ?? 0;
}
