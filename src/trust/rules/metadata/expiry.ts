// When metadata expires: the one form of date and time that the specification knows (clause 4.2), read strictly. `now` is
// always given by the caller, so that one cycle of a client has one time (clause 5.1).

const form = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z$/;

/** Milliseconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`; undefined for any other text and for days that do not exist. */
export function expiryTime(expires: string): number | undefined {
	if (!form.test(expires)) return undefined;
	const time = Date.parse(expires);
	return Number.isNaN(time) || expiryText(time) !== expires ? undefined : time;
}

/** The text for milliseconds since 1970, cut to seconds. */
export function expiryText(time: number): string {
	return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** Whether the metadata must no longer be trusted: its expiry has to be higher than `now` (milliseconds), clause 5.3.10 and others. */
export function isExpired(signed: { readonly expires: string }, now: number): boolean {
	const time = expiryTime(signed.expires);
	return time === undefined || now >= time;
}
