// The commands of README.md that readme.test.ts does not run itself, each with the place that does.

export const runElsewhere: Readonly<Record<string, string>> = {
	'npm start': 'e2e/fresh-clone.e2e.ts runs it with --once in a fresh clone; without, it serves until Ctrl-C',
	'npm start -- --once': 'e2e/fresh-clone.e2e.ts runs it in a fresh clone',
	'npm test': 'it is what runs this test; .ci/run begins with it on a machine where nothing was installed by hand',
};
