// Which denied requests get an audit row of their own. Anybody who reaches the port can be denied as often as they
// like, so rows are limited in number; how many were left out is kept and written with the next one. Pure.

/** Rows in a window, and its length in milliseconds: at most 14,400 rows a day. */
export const denialLimits = { rows: 10, window: 60_000 } as const;

export interface DenialWindow {
	readonly start: number;
	readonly rows: number;
	/** Denials without a row since the last row. */
	readonly unwritten: number;
}

export const noDenials: DenialWindow = { start: Number.NEGATIVE_INFINITY, rows: 0, unwritten: 0 };

/**
 * Counts one denial.
 * @param now milliseconds since the epoch; a clock that was set back begins a new window
 * @returns the window after it, and whether to write a row: then `unwritten` says how many came before it without one
 */
export function countDenial(
	window: DenialWindow,
	now: number,
): { readonly window: DenialWindow; readonly write: boolean; readonly unwritten: number } {
	const fresh = now - window.start >= denialLimits.window || now < window.start;
	const current = fresh ? { ...window, start: now, rows: 0 } : window;
	if (current.rows >= denialLimits.rows) {
		return { window: { ...current, unwritten: current.unwritten + 1 }, write: false, unwritten: 0 };
	}
	return {
		window: { ...current, rows: current.rows + 1, unwritten: 0 },
		write: true,
		unwritten: current.unwritten,
	};
}
