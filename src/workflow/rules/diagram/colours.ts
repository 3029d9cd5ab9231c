// The colours of groups. The names that wfx's own workflows use have their natural colours; other groups take the
// remaining ones in turn. Each pair of text and fill has a contrast above 7:1 (WCAG 2.2, 1.4.6), tested.

export interface Colour {
	readonly fill: string;
	readonly border: string;
	readonly text: string;
}

export interface Colours {
	readonly light: Colour;
	readonly dark: Colour;
}

function colours(light: readonly [string, string, string], dark: readonly [string, string, string]): Colours {
	return {
		light: { fill: light[0], border: light[1], text: light[2] },
		dark: { fill: dark[0], border: dark[1], text: dark[2] },
	};
}

const blue = colours(['#dbeafe', '#2563eb', '#172554'], ['#172a54', '#60a5fa', '#e0ecff']);
const green = colours(['#dcfce7', '#16a34a', '#052e16'], ['#0d3320', '#4ade80', '#dcfce7']);
const red = colours(['#fee2e2', '#dc2626', '#450a0a'], ['#4a1414', '#f87171', '#fee2e2']);
const amber = colours(['#fef3c7', '#b45309', '#451a03'], ['#43290a', '#fbbf24', '#fef3c7']);
const violet = colours(['#ede9fe', '#7c3aed', '#2e1065'], ['#2e1b5b', '#a78bfa', '#ede9fe']);
const teal = colours(['#ccfbf1', '#0f766e', '#042f2e'], ['#0b3634', '#2dd4bf', '#ccfbf1']);
const pink = colours(['#fce7f3', '#be185d', '#500724'], ['#4a0f2e', '#f472b6', '#fce7f3']);

/** For states in no group. */
export const plainColours = colours(['#f3f4f6', '#6b7280', '#111827'], ['#272c35', '#9ca3af', '#f3f4f6']);

const natural: ReadonlyMap<string, Colours> = new Map([
	['OPEN', blue],
	['CLOSED', green],
	['FAILED', red],
]);

export const palette: readonly Colours[] = [blue, green, red, amber, violet, teal, pink];

/** One for each name, in their order; repeated when there are more groups than colours. */
export function groupColours(names: readonly string[]): Colours[] {
	const taken = new Set(names.map((name) => natural.get(name)));
	const free = palette.filter((colour) => !taken.has(colour));
	let next = 0;
	return names.map((name) => natural.get(name) ?? free[next++ % free.length] ?? plainColours);
}
