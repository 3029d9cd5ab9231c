// Whether text is Unicode: no half of a surrogate pair. Devices run this code on Node 18, whose strings cannot tell
// themselves.

const half = /\p{Surrogate}/u;

export function isWellFormed(text: string): boolean {
	const own = (text as { isWellFormed?: () => boolean }).isWellFormed;
	return own === undefined ? !half.test(text) : own.call(text);
}
