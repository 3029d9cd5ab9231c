// How sizes are said to people: three digits and a decimal unit, as disks and networks are sold.

/** 1234567 → "1.23 MB". */
export function bytesText(bytes: number): string {
	if (bytes < 1000) return `${bytes} B`;
	const units = ['kB', 'MB', 'GB', 'TB'];
	let value = bytes / 1000;
	let unit = 0;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	return `${value.toPrecision(3)} ${units[unit]}`;
}
