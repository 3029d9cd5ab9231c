// Whether a device's revision is among those of an update, as SWUpdate decides it (core/util.c, hwid_match): the same
// text, or a POSIX extended regular expression after '#RE:'. Expressions that mean something else in ECMAScript are not
// guessed at. It leaves out where the revision comes from.

const prefix = '#RE:';

/** undefined: an expression decides that cannot be told here. */
export function hardwareMatches(revision: string, compatible: readonly string[]): boolean | undefined {
	let unknown = false;
	for (const each of compatible) {
		if (!each.startsWith(prefix)) {
			if (each === revision) return true;
			continue;
		}
		const expression = fromPosix(each.slice(prefix.length));
		if (expression === undefined) unknown = true;
		else if (expression.test(revision)) return true;
	}
	return unknown ? undefined : false;
}

const classes: Readonly<Record<string, string>> = {
	alpha: 'A-Za-z',
	digit: '0-9',
	alnum: 'A-Za-z0-9',
	upper: 'A-Z',
	lower: 'a-z',
	space: '\\s',
	xdigit: '0-9A-Fa-f',
	punct: '!-\\/:-@\\[-`{-~',
};

/**
 * The same expression for ECMAScript; undefined where the two differ or a bound would make matching slow: back references,
 * collating symbols, letters after a backslash, groups that repeat a repetition.
 */
function fromPosix(expression: string): RegExp | undefined {
	if (expression.length > 255 || /\\[^\\.[\](){}*+?^$|/-]|\(\?|[*+?}][*+?{]|\[[.=]/.test(expression)) return undefined;
	// A repeated group with a repetition in it can take exponential time to fail.
	if (/[*+}][^()]*\)[*+{]/.test(expression)) return undefined;
	const source = expression.replaceAll(
		/\[(\^?)(\]?)((?:\[:[a-z]+:\]|[^\]])*)\]/g,
		(_, not: string, first: string, body: string) => {
			const inner = body
				.replaceAll('\\', '\\\\')
				.replaceAll(/\[:([a-z]+):\]/g, (whole, name: string) => classes[name] ?? whole)
				.replaceAll(/\[(?!:)/g, '\\[');
			return `[${not}${first === '' ? '' : '\\]'}${inner}]`;
		},
	);
	try {
		return new RegExp(source);
	} catch {
		return undefined;
	}
}
