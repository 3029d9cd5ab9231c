// What readme.test.ts has to know of single commands of README.md: those that it does not run itself, with the place that
// does, and those whose answer on a good machine may be a finding.

export const runElsewhere: Readonly<Record<string, string>> = {
	'npm start': 'e2e/fresh-clone.e2e.ts runs it with --once in a fresh clone; without, it serves until Ctrl-C',
	'npm start -- --once': 'e2e/fresh-clone.e2e.ts runs it in a fresh clone',
	'npm test': 'it is what runs this test; .ci/run begins with it on a machine where nothing was installed by hand',
};

/** Commands that work where they end with 1 as well: their answer depends on the machine. */
export const mayFind: Readonly<Record<string, string>> = {
	'bin/caisson doctor': 'it ends with 1 where the machine lacks a program that something needs',
};
