// A sw-description in JSON, which SWUpdate tries where the text is no libconfig (parser/parser.c, parse_json): read into
// the values of libconfig, so that what follows is the same. Depth and number of values are bounded.

import { CaissonError } from '../../errors.ts';
import type { LibconfigGroup, LibconfigValue } from './libconfig.ts';
import { maximumDescriptionLength } from './parse.ts';

const maximumDepth = 32; // json-c's own limit
const maximumValues = 100_000;

/** @throws CaissonError update-malformed */
export function parseJsonDescription(text: string): LibconfigGroup {
	if (text.length > maximumDescriptionLength)
		throw malformed(`it is longer than ${maximumDescriptionLength} characters`);
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (cause) {
		throw malformed('it is neither libconfig nor JSON', cause);
	}
	let values = 0;
	const convert = (from: unknown, depth: number): LibconfigValue | undefined => {
		if (depth > maximumDepth) throw malformed(`values are nested deeper than ${maximumDepth}`);
		if (++values > maximumValues) throw malformed(`there are more than ${maximumValues} values`);
		if (from === null || from === undefined) return undefined;
		if (Array.isArray(from)) {
			const kept = from.map((each) => convert(each, depth + 1)).filter((each) => each !== undefined);
			return { kind: 'list', values: kept };
		}
		if (typeof from === 'object') {
			const settings = new Map<string, LibconfigValue>();
			for (const [name, each] of Object.entries(from)) {
				const converted = convert(each, depth + 1);
				if (converted !== undefined) settings.set(name, converted);
			}
			return { kind: 'group', settings };
		}
		return from as string | number | boolean;
	};
	const root = convert(value, 0);
	if (typeof root !== 'object' || root.kind !== 'group') throw malformed('it is not a JSON object');
	return root;
}

function malformed(rule: string, cause?: unknown): CaissonError {
	return new CaissonError('update-malformed', `The sw-description cannot be read: ${rule}.`, { cause });
}
