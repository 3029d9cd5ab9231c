// The order in which wfx sorts names: that of their UTF-8 bytes.

/** Order of UTF-8 bytes, which is the order of code points; JavaScript's own order is of UTF-16 units. */
export function compareUtf8(a: string, b: string): number {
	const left = [...a];
	const right = [...b];
	for (let i = 0; i < left.length && i < right.length; i++) {
		const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
		if (difference !== 0) return difference;
	}
	return left.length - right.length;
}
