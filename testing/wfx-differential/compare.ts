// Two answers to the same step in, the list of differences out. It knows nothing of HTTP beyond status, headers, body.
import type { Answer, ChapterAnswers } from './step.ts';

export type Difference = {
	readonly chapter: string;
	readonly step: string;
	/**
	 * `status`; `header NAME`; `body`, followed by the place in it where that is known (`body /content/0/id`); or `answer`
	 * when one side has none.
	 */
	readonly what: string;
	readonly a: string;
	readonly b: string;
};

/** Differences of one step, in the order status, headers, body. */
export function compareAnswers(
	chapter: string,
	step: string,
	a: Answer | undefined,
	b: Answer | undefined,
): Difference[] {
	const found: Difference[] = [];
	const add = (what: string, left: string, right: string) => {
		if (left !== right) found.push({ chapter, step, what, a: left, b: right });
	};
	if (a === undefined || b === undefined) {
		add('answer', a === undefined ? 'none' : 'some', b === undefined ? 'none' : 'some');
		return found;
	}
	add('status', String(a.status), String(b.status));
	for (const name of [...new Set([...Object.keys(a.headers), ...Object.keys(b.headers)])].sort())
		add(`header ${name}`, a.headers[name] ?? '(absent)', b.headers[name] ?? '(absent)');
	for (const place of bodyDifferences(a, b)) add(place.what, place.a, place.b);
	return found;
}

/** Differences of all steps of a chapter; a step that only one side has is a difference. */
export function compareChapter(chapter: string, a: ChapterAnswers, b: ChapterAnswers): Difference[] {
	const steps = [...new Set([...a.keys(), ...b.keys()])];
	return steps.flatMap((step) => compareAnswers(chapter, step, a.get(step), b.get(step)));
}

type Place = { readonly what: string; readonly a: string; readonly b: string };

/** Every place where two bodies differ; a body of another kind (JSON against text, say) is one difference. */
function bodyDifferences(a: Answer, b: Answer): Place[] {
	const [left, right] = [bodyValue(a), bodyValue(b)];
	if (left.kind !== right.kind)
		return [{ what: 'body', a: `${left.kind} ${show(left.value)}`, b: `${right.kind} ${show(right.value)}` }];
	return valueDifferences(left.value, right.value, '');
}

function bodyValue(answer: Answer): { kind: string; value: unknown } {
	if ('json' in answer) return { kind: 'JSON', value: answer.json };
	if ('lines' in answer) return { kind: 'lines', value: answer.lines };
	return 'text' in answer ? { kind: 'text', value: answer.text } : { kind: 'nothing', value: undefined };
}

/** Every place where two JSON values differ, so that a long body does not hide the one field. */
function valueDifferences(a: unknown, b: unknown, path: string): Place[] {
	if (Array.isArray(a) && Array.isArray(b)) return arrayDifferences(a, b, path);
	if (isRecord(a) && isRecord(b)) {
		const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
		return keys.flatMap((key) => valueDifferences(a[key], b[key], `${path}/${key}`));
	}
	const [left, right] = [show(a), show(b)];
	return left === right ? [] : [{ what: path === '' ? 'body' : `body ${path}`, a: left, b: right }];
}

/**
 * Items that only one side has are shown as such (index `-3` in A only, `+3` in B only), so that one more item does not
 * make all that follow it differ. Between equal items, what is left is compared in pairs.
 */
function arrayDifferences(a: readonly unknown[], b: readonly unknown[], path: string): Place[] {
	const found: Place[] = [];
	let [i, j] = [0, 0];
	for (const [equalA, equalB] of [...commonItems(a, b), [a.length, b.length] as const]) {
		for (; i < equalA && j < equalB; i++, j++) found.push(...valueDifferences(a[i], b[j], `${path}/${i}`));
		for (; i < equalA; i++) found.push({ what: `body ${path}/-${i}`, a: show(a[i]), b: '(absent)' });
		for (; j < equalB; j++) found.push({ what: `body ${path}/+${j}`, a: '(absent)', b: show(b[j]) });
		[i, j] = [equalA + 1, equalB + 1];
	}
	return found;
}

/** Index pairs of a longest common subsequence. */
function commonItems(a: readonly unknown[], b: readonly unknown[]): (readonly [number, number])[] {
	const [left, right] = [a.map(show), b.map(show)];
	const longest = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
	const at = (i: number, j: number): number => longest[i]?.[j] ?? 0;
	for (let i = a.length - 1; i >= 0; i--)
		for (let j = b.length - 1; j >= 0; j--)
			(longest[i] as number[])[j] = left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
	const pairs: (readonly [number, number])[] = [];
	for (let [i, j] = [0, 0]; i < a.length && j < b.length; ) {
		if (left[i] === right[j]) pairs.push([i++, j++]);
		else if (at(i + 1, j) >= at(i, j + 1)) i++;
		else j++;
	}
	return pairs;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
	value !== null && typeof value === 'object' && !Array.isArray(value);
const show = (value: unknown): string => (value === undefined ? '(absent)' : JSON.stringify(value));
