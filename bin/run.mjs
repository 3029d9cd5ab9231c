// The commands of package.json: start, test, e2e, check, format, bench, generate. Each sets the machine up first (setup.mjs) and
// then runs TypeScript with the pinned Node. Like setup.mjs it runs on the machine's own Node, 18 or later, without a
// dependency. It decides what runs in which order, and its exit code says whether all of it passed.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinnedNode, root, SetupError, setUpDebianPackages, setUpNpmPackages } from './setup.mjs';

// The platform packages of Biome are named in package.json rather than the one that wraps them: that one asks for
// packages for other systems, which a registry need not have, and `npm ci` fails where one is absent.
const biome = join(root, 'node_modules', '@biomejs', `cli-linux-${process.arch}`, 'biome');
const nodeFlags = ['--disable-warning=ExperimentalWarning'];

/**
 * Runs a program and resolves with its exit code and, where `capture` is set, with all that it printed. Signals that
 * end this process are passed on, so that Ctrl-C lets the program shut down in order; its exit code is then ours.
 */
function run(program, words, { capture = false, stdin = 'ignore' } = {}) {
	return new Promise((resolve) => {
		const output = [];
		const child = spawn(program, words, { cwd: root, stdio: [stdin, ...(capture ? ['pipe', 'pipe'] : [1, 2])] });
		child.stdout?.on('data', (chunk) => output.push(chunk));
		child.stderr?.on('data', (chunk) => output.push(chunk));
		// A terminal sends Ctrl-C to the child as well; a service manager sends SIGTERM to this process only.
		const ignore = () => {};
		const pass = () => child.kill('SIGTERM');
		process.on('SIGINT', ignore).on('SIGTERM', pass);
		const finish = (code, message) => {
			process.off('SIGINT', ignore).off('SIGTERM', pass);
			resolve({ code, output: Buffer.concat(output).toString() + message });
		};
		child.on('error', (error) => finish(2, `${program}: ${error.message}\n`));
		child.on('close', (code, signal) => finish(code ?? 2, signal ? `${program} ended by ${signal}\n` : ''));
	});
}

/** Files below `folder` whose name ends in `ending`, sorted; paths from the root. */
function filesBelow(folder, ending) {
	let entries;
	try {
		entries = readdirSync(join(root, folder), { withFileTypes: true });
	} catch {
		return [];
	}
	return entries
		.flatMap((entry) => {
			const path = `${folder}/${entry.name}`;
			if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path, ending);
			return entry.name.endsWith(ending) ? [path] : [];
		})
		.sort();
}

const seconds = (began) => `${((Date.now() - began) / 1000).toFixed(1)} s`;

/** Everything that can be said about the code without running it. Prints one line a check; the output of failures. */
async function check() {
	const began = Date.now();
	const node = pinnedNode();
	const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
	const color = process.stdout.isTTY ? 'force' : 'off';
	const checks = [
		['format and lint', biome, ['check', '--error-on-warnings', `--colors=${color}`]],
		['types', node, [tsc, '-p', 'tsconfig.json']],
		['types of pure code', node, [tsc, '-p', 'tsconfig.pure.json']],
		['imports', node, [...nodeFlags, 'testing/imports/main.ts']],
		['generated files', node, [...nodeFlags, 'docs/errors.ts', '--check']],
	];
	const results = await Promise.all(
		checks.map(async ([name, program, words]) => {
			const start = Date.now();
			const { code, output } = await run(program, words, { capture: true });
			return { name, code, output, took: seconds(start) };
		}),
	);
	for (const { name, code, output, took } of results) {
		console.log(`${code === 0 ? '✔' : '✖'} check: ${name} (${took})`);
		if (code !== 0) process.stdout.write(output.endsWith('\n') ? output : `${output}\n`);
	}
	console.log(`checks took ${seconds(began)}`);
	return results.every((result) => result.code === 0);
}

/** Reads what node's tap reporter wrote: the counts of its closing lines, the names of failed and of skipped tests. */
function readTap(text) {
	const counts = {};
	for (const [, name, value] of text.matchAll(/^# (tests|suites|pass|fail|cancelled|skipped|todo) (\d+)$/gm)) {
		counts[name] = Number(value);
	}
	const skipped = [...text.matchAll(/^\s*ok \d+ - (.*) # SKIP ?(.*)$/gm)].map(([, name, why]) => ({ name, why }));
	const failed = [...text.matchAll(/^\s*not ok \d+ - (.*)$/gm)].map(([, name]) => name);
	return { counts, skipped, failed };
}

/**
 * Runs test files with node's test runner, each in a process of its own, so that one that cannot be loaded or that
 * never ends fails alone. Prints node's readable report and closes with what was skipped and why, what failed, and
 * the counts as node has them.
 * @returns the exit code
 */
async function runTests(files, options, began) {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-report-'));
	const report = join(folder, 'report.tap');
	const reporters = ['spec', 'stdout', 'tap', report].map((value, index) =>
		index % 2 === 0 ? `--test-reporter=${value}` : `--test-reporter-destination=${value}`,
	);
	let result;
	try {
		const { code } = await run(pinnedNode(), [...nodeFlags, '--test', ...reporters, ...options, ...files]);
		result = { code, ...readTap(readFileSync(report, 'utf8')) };
	} catch (error) {
		result = { code: 2, counts: {}, skipped: [], failed: [`no report was written: ${error.message}`] };
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
	console.log('');
	for (const { name, why } of result.skipped) console.log(`﹣ skipped: ${name}${why ? ` (${why})` : ''}`);
	for (const name of result.failed.slice(0, 20)) console.log(`✖ failed: ${name}`);
	if (result.failed.length > 20) console.log(`✖ and ${result.failed.length - 20} more: see above`);
	for (const name of ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo']) {
		console.log(`ℹ ${name} ${result.counts[name] ?? 0}`);
	}
	console.log(`ℹ duration_ms ${Date.now() - began}`);
	return result.code;
}

/** Splits the words after `--` into options of node's test runner and parts of file names. */
function narrow(words) {
	const options = words.filter((word) => word.startsWith('-'));
	const patterns = words.filter((word) => !word.startsWith('-'));
	const keep = (path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern));
	return { options, patterns, keep };
}

async function test(words) {
	const began = Date.now();
	const { options, patterns, keep } = narrow(words);
	const files = ['src', 'programs', 'testing', 'bench', 'docs']
		.flatMap((folder) => filesBelow(folder, '.test.ts'))
		.filter(keep);
	if (files.length === 0) {
		console.error(`No test file has ${patterns.join(' or ')} in its path.`);
		return 2;
	}
	setUpDebianPackages('test');
	// Narrowed to some files, a person waits for those: the checks are for the whole.
	const checked = patterns.length > 0 || (await check());
	// Two at a time also on two processors: device tests mostly wait. The time limit only ends a file that hangs.
	const width = Math.max(2, availableParallelism());
	const limits = [`--test-concurrency=${width}`, '--test-timeout=600000'];
	const code = await runTests(files, [...limits, ...options], began);
	if (!checked) console.log('✖ a check failed: see above, before the tests');
	return checked ? code : 1;
}

async function e2e(words) {
	const began = Date.now();
	const { options, patterns, keep } = narrow(words);
	const files = filesBelow('e2e', '.e2e.ts').filter(keep);
	if (files.length === 0) {
		console.error(`No end-to-end script has ${patterns.join(' or ')} in its path.`);
		return 2;
	}
	setUpDebianPackages('e2e');
	return runTests(files, ['--test-concurrency=1', '--test-timeout=1800000', ...options], began);
}

/** What a benchmark says of itself: the first sentence of the comment that its file begins with. */
function aboutBenchmark(name) {
	const lines = readFileSync(join(root, 'bench', `${name}.ts`), 'utf8').split('\n');
	const comment = lines.slice(
		0,
		lines.findIndex((line) => !line.startsWith('// ')),
	);
	return comment
		.map((line) => line.slice('// '.length))
		.join(' ')
		.split(/\.(?: |$)/, 1)[0];
}

async function bench([name, ...words]) {
	const names = filesBelow('bench', '.ts')
		.filter((path) => !path.endsWith('.test.ts') && path.split('/').length === 2)
		.map((path) => path.slice('bench/'.length, -'.ts'.length));
	if (name === undefined || !names.includes(name)) {
		const width = Math.max(...names.map((one) => one.length));
		const list = names.map((one) => `  ${one.padEnd(width)}  ${aboutBenchmark(one)}.`);
		const usage = ['npm run bench -- NAME [OPTIONS] [--json]', ...list];
		(name === undefined ? console.log : console.error)(usage.join('\n'));
		return name === undefined ? 0 : 2;
	}
	return (await run(pinnedNode(), [...nodeFlags, `bench/${name}.ts`, ...words], { stdin: 'inherit' })).code;
}

async function start(words) {
	setUpDebianPackages('start');
	return (await run(pinnedNode(), [...nodeFlags, 'programs/main-job.ts', ...words], { stdin: 'inherit' })).code;
}

const commands = {
	start,
	test,
	e2e,
	check: async () => ((await check()) ? 0 : 1),
	format: async (words) => (await run(biome, ['check', '--write', ...words])).code,
	bench,
	generate: async () => {
		let code = 0;
		for (const writer of ['docs/errors.ts', 'docs/security-model.ts', 'programs/cli/write-manual-page.ts']) {
			code ||= (await run(pinnedNode(), [...nodeFlags, writer])).code;
		}
		return code;
	},
};

const [name, ...words] = process.argv.slice(2);
if (!Object.hasOwn(commands, name ?? '')) {
	console.error(`usage: node bin/run.mjs ${Object.keys(commands).join('|')}`);
	process.exitCode = 2;
} else {
	try {
		setUpNpmPackages();
		process.exitCode = await commands[name](words);
	} catch (error) {
		if (!(error instanceof SetupError)) throw error;
		console.error(`caisson set-up: ${error.message}`);
		process.exitCode = 2;
	}
}
