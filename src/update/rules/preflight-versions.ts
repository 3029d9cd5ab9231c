// Compares versions as SWUpdate does (core/artifacts_versions.c, compare_versions; core/semver.c): four numbers of 16 bits,
// else semantic versions, else text. It leaves out which versions are compared.

const largestField = 0xffff;
const largestNumber = 0x7fff_ffff;

/** Below 0 where `left` is lower, 0 where they are the same, above 0 where it is higher. */
export function compareVersions(left: string, right: string): number {
	const numbers = [fourNumbers(left), fourNumbers(right)] as const;
	if (numbers[0] !== undefined && numbers[1] !== undefined) return compareNumbers(numbers[0], numbers[1]);
	const semantic = [semanticVersion(left), semanticVersion(right)] as const;
	if (semantic[0] !== undefined && semantic[1] !== undefined) {
		return (
			compareNumbers(semantic[0].numbers, semantic[1].numbers) ||
			comparePrereleases(semantic[0].prerelease, semantic[1].prerelease)
		);
	}
	return left < right ? -1 : left > right ? 1 : 0;
}

/** Digits and dots only; further numbers than four are not looked at; none may be above 65535. */
function fourNumbers(version: string): number[] | undefined {
	if (!/^[0-9.]*$/.test(version)) return undefined;
	const fields = version
		.split('.')
		.filter((field) => field !== '')
		.slice(0, 4)
		.map(Number);
	if (fields.some((field) => field > largestField)) return undefined;
	return [...fields, 0, 0, 0, 0].slice(0, 4);
}

interface SemanticVersion {
	readonly numbers: readonly number[];
	readonly prerelease: string | undefined;
}

function semanticVersion(version: string): SemanticVersion | undefined {
	if (version.length > 255 || !/^[0-9A-Za-z.+-]*$/.test(version)) return undefined;
	const plus = version.indexOf('+');
	const release = plus < 0 ? version : version.slice(0, plus);
	const dash = release.indexOf('-');
	const core = dash < 0 ? release : release.slice(0, dash);
	const fields = core.split('.').slice(0, 4);
	// strtol takes an empty field as 0; letters in a field end it with an error.
	if (fields.some((field) => !/^[0-9]*$/.test(field) || Number(field) > largestNumber)) return undefined;
	return {
		numbers: [...fields.map(Number), 0, 0, 0].slice(0, 3),
		prerelease: dash < 0 ? undefined : release.slice(dash + 1),
	};
}

function comparePrereleases(left: string | undefined, right: string | undefined): number {
	if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1;
	const [ours, theirs] = [left.split('.'), right.split('.')];
	for (const [index, field] of ours.entries()) {
		const other = theirs[index];
		if (other === undefined) return 1;
		const numeric = [/^[0-9]+$/.test(field), /^[0-9]+$/.test(other)] as const;
		if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
		if (numeric[0] && Number(field) !== Number(other)) return Number(field) - Number(other);
		if (!numeric[0] && field !== other) return field < other ? -1 : 1;
	}
	return theirs.length > ours.length ? -1 : 0;
}

function compareNumbers(left: readonly number[], right: readonly number[]): number {
	for (const [index, value] of left.entries()) {
		const difference = value - (right[index] as number);
		if (difference !== 0) return difference;
	}
	return 0;
}
