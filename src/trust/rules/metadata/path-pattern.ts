// Whether a target path fits a pattern of a delegation: shell patterns within each part between slashes, as python-tuf
// matches them (its fnmatch, on POSIX). `**`, braces and extended patterns mean nothing special: client libraries differ
// there, so Caisson's own delegations use `*`, `?` and plain text. Matching takes at most |pattern| × |path| steps.

/** Clause 4.5: a wildcard does not match a slash. Compared by code point, without any normalisation. */
export function matchesPathPattern(path: string, pattern: string): boolean {
	const parts = path.split('/');
	const patterns = pattern.split('/');
	return (
		parts.length === patterns.length && parts.every((part, i) => matchesPart([...part], partPattern(patterns[i] ?? '')))
	);
}

type Item = { readonly kind: 'star' } | { readonly kind: 'one'; readonly fits: (c: string) => boolean };

function matchesPart(text: readonly string[], items: readonly Item[]): boolean {
	let t = 0;
	let p = 0;
	let starAt = -1;
	let starText = 0;
	while (t < text.length) {
		const item = items[p];
		if (item?.kind === 'one' && item.fits(text[t] as string)) {
			t++;
			p++;
		} else if (item?.kind === 'star') {
			starAt = p++;
			starText = t;
		} else if (starAt >= 0) {
			p = starAt + 1;
			t = ++starText;
		} else return false;
	}
	while (items[p]?.kind === 'star') p++;
	return p === items.length;
}

const anyOne: Item = { kind: 'one', fits: () => true };

function partPattern(pattern: string): Item[] {
	const p = [...pattern];
	const items: Item[] = [];
	// Where no "]" follows any more, none needs to be looked for again: reading stays linear.
	const lastClose = p.lastIndexOf(']');
	for (let i = 0; i < p.length; i++) {
		const c = p[i] as string;
		if (c === '*') {
			if (items.at(-1)?.kind !== 'star') items.push({ kind: 'star' });
		} else if (c === '?') items.push(anyOne);
		else if (c === '[') {
			const close = i < lastClose ? closingBracket(p, i) : -1;
			if (close === -1) items.push(exactly('['));
			else {
				items.push(bracket(p.slice(i + 1, close)));
				i = close;
			}
		} else items.push(exactly(c));
	}
	return items;
}

function exactly(c: string): Item {
	return { kind: 'one', fits: (other) => other === c };
}

/** The "]" that closes the "[" at `open`: one that stands first, or first after "!", is a member. */
function closingBracket(p: readonly string[], open: number): number {
	let from = open + 1;
	if (p[from] === '!') from++;
	if (p[from] === ']') from++;
	return p.indexOf(']', from);
}

/** `[a-z_]`, `[!a-z]`; a range that runs backwards is empty, a hyphen at either end is itself. */
function bracket(members: readonly string[]): Item {
	const negated = members[0] === '!';
	const m = negated ? members.slice(1) : members;
	const ranges: [number, number][] = [];
	for (let i = 0; i < m.length; i++) {
		const from = point(m[i]);
		if (m[i + 1] === '-' && i + 2 < m.length) {
			ranges.push([from, point(m[i + 2])]);
			i += 2;
		} else ranges.push([from, from]);
	}
	return {
		kind: 'one',
		fits: (c) => ranges.some(([from, to]) => from <= point(c) && point(c) <= to) !== negated,
	};
}

function point(c: string | undefined): number {
	return c?.codePointAt(0) ?? -1;
}
