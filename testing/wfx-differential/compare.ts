// Two answers to the same step in, the list of differences out. It knows nothing of HTTP beyond status, headers, body.
import type { Answer, ChapterAnswers } from './step.ts';

/** Differences shown for one body; the first ones tell enough. */
const BODY_LIMIT = 20;

export type Difference = {
	readonly chapter: string;
	readonly step: string;
	/** `status`, `header NAME`, `body`, or `answer` when one side has none. */
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
	for (const place of bodyDifferences(bodyValue(a), bodyValue(b), '').slice(0, BODY_LIMIT))
		add('body', place.a, place.b);
	return found;
}

/** Differences of all steps of a chapter; a step that only one side has is a difference. */
export function compareChapter(chapter: string, a: ChapterAnswers, b: ChapterAnswers): Difference[] {
	const steps = [...new Set([...a.keys(), ...b.keys()])];
	return steps.flatMap((step) => compareAnswers(chapter, step, a.get(step), b.get(step)));
}

const bodyValue = (answer: Answer): unknown =>
	'json' in answer ? { json: answer.json } : 'lines' in answer ? { lines: answer.lines } : { text: answer.text ?? '' };

/** Every place where two JSON values differ, so that a long body does not hide the one field. */
function bodyDifferences(a: unknown, b: unknown, path: string): { a: string; b: string }[] {
	if (isObject(a) && isObject(b) && Array.isArray(a) === Array.isArray(b)) {
		const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
		return keys.flatMap((key) =>
			bodyDifferences((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}/${key}`),
		);
	}
	const [left, right] = [show(a), show(b)];
	return left === right ? [] : [{ a: `${path}: ${left}`, b: `${path}: ${right}` }];
}

const isObject = (value: unknown): value is object => value !== null && typeof value === 'object';
const show = (value: unknown): string => (value === undefined ? '(absent)' : JSON.stringify(value));
