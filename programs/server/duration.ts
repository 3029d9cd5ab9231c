// Durations and sizes as people write them in options: Go's durations ('1m30s', '250ms'), which wfx's flags take, with
// 'd' for days added, and byte counts ('16MiB'). It leaves out which option may be how large: see options.ts.

const unitsInMs: Readonly<Record<string, number>> = {
	ns: 1e-6,
	us: 1e-3,
	µs: 1e-3, // U+00B5, as Go prints it
	μs: 1e-3, // U+03BC, which Go reads as well
	ms: 1,
	s: 1000,
	m: 60_000,
	h: 3_600_000,
	d: 86_400_000,
};

/**
 * Milliseconds of a duration in Go's notation (time.ParseDuration): decimal numbers with a unit each, added up. '0'
 * needs no unit. Negative durations are refused, as no option has a meaning for one.
 * @throws RangeError saying what is wrong with the text
 */
export function parseDuration(text: string): number {
	if (/^\+?0+$/.test(text)) return 0;
	const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)/gy)];
	const read = parts.reduce((length, part) => length + part[0].length, 0);
	if (parts.length === 0 || read !== text.length) {
		throw new RangeError(`'${text}' is not a duration: write for instance 250ms, 10s, 1m30s or 90d`);
	}
	return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (unitsInMs[unit ?? ''] ?? 0), 0);
}

/** A duration in the notation that parseDuration reads, for logs and help: the largest units first, no zero parts. */
export function formatDuration(ms: number): string {
	if (ms === 0) return '0s';
	let rest = ms;
	let text = '';
	for (const unit of ['d', 'h', 'm', 's', 'ms']) {
		const size = unitsInMs[unit] ?? 1;
		const count = unit === 'ms' ? rest : Math.floor(rest / size);
		if (count === 0) continue;
		text += `${count}${unit}`;
		rest -= count * size;
	}
	return text;
}

const unitsInBytes: Readonly<Record<string, number>> = {
	'': 1,
	B: 1,
	kB: 1e3,
	MB: 1e6,
	GB: 1e9,
	KiB: 2 ** 10,
	MiB: 2 ** 20,
	GiB: 2 ** 30,
};

/** Bytes of a size such as '1000000', '500kB' or '16MiB'. @throws RangeError saying what is wrong with the text */
export function parseSize(text: string): number {
	const [, number, unit] = /^(\d{1,15})\s?(B|kB|MB|GB|KiB|MiB|GiB|)$/.exec(text) ?? [];
	const bytes = Number(number) * (unitsInBytes[unit ?? ''] ?? Number.NaN);
	if (!Number.isSafeInteger(bytes)) {
		throw new RangeError(`'${text}' is not a size: write for instance 1000000, 500kB or 16MiB`);
	}
	return bytes;
}
