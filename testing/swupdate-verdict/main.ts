// `node testing/swupdate-verdict/main.ts [--suite SUITE] [--write] [NAME…]`: runs the cases on the real SWUpdate and shows
// its verdicts beside what is expected. With --write they become the recording of the suite. Needs root.

import { parseArgs } from 'node:util';
import { prepareRoot, whyNot } from '../real-device/root.ts';
import { expectationOf, readCases, releaseOf } from './case.ts';
import { runCases, verdictOf, writeRecording } from './record.ts';

const { values, positionals } = parseArgs({
	options: { suite: { type: 'string', default: 'trixie' }, write: { type: 'boolean', default: false } },
	allowPositionals: true,
});
const reason = await whyNot();
if (reason !== undefined) throw new Error(reason);
const cases = readCases().filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const root = await prepareRoot({ suite: values.suite, expired: true, note: (line) => console.error(line) });
const start = Date.now();
const verdicts = await runCases(root, cases);
for (const each of cases) {
	const { name } = each;
	const expect = expectationOf(each, releaseOf(root.swupdateVersion));
	const real = verdicts.get(name);
	if (real === undefined) continue;
	const verdict = verdictOf(real);
	const mark = verdict === expect.verdict ? '  ' : '!!';
	console.log(
		`${mark} ${name.padEnd(34)} ${verdict.padEnd(14)} ${real.exit} ${real.errors.slice(0, 3).join(' | ').slice(0, 170)}`,
	);
}
console.log(`${cases.length} cases in ${Date.now() - start} ms with ${root.swupdateVersion}`);
if (values.write) await writeRecording(root, cases, verdicts);
