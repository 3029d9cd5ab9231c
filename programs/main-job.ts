// What `npm start` runs once the machine is set up: one real update, from a Debian package to the bytes on a device, with
// a server of its own, told step by step. It puts the steps in order and undoes them in reverse; each step is in main-job/.

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { meaningOf } from '../src/errors.ts';
import type { JobStatus } from '../src/job/rules/model.ts';
import { interruption, processTerminal } from '../src/terminal/process-terminal.ts';
import type { Terminal } from '../src/terminal/terminal.ts';
import { archiveMirror } from '../testing/real-device/mirror.ts';
import { localServers } from './cli/local-servers.ts';
import { type Comparison, compareWithDevice } from './main-job/comparison.ts';
import { fetchPackage, unpackPackage } from './main-job/debian-package.ts';
import { createJob, definitionOf, ensureWorkflow, followDevice, workflowName } from './main-job/job.ts';
import { count, type Narration, narrate, seconds } from './main-job/narration.ts';
import { type MainJobOptions, mainJobHelp, readOptions } from './main-job/options.ts';
import { type ServerProcess, startServer } from './main-job/server-process.ts';
import { type Preparation, prepareDevice, startTrialDevice, type TrialDevice } from './main-job/trial-device.ts';
import { packPackage, placeOnDevice, trialKey } from './main-job/update-file.ts';

/** What was started, and must be stopped in reverse. */
type Undo = (() => Promise<unknown>)[];

async function mainJob(options: MainJobOptions, terminal: Terminal, undo: Undo): Promise<0 | 1> {
	const began = performance.now();
	const signal = terminal.interrupted;
	const tell = narrate(terminal, process.stdout.columns || 100);
	const data = await dataDirectory(options, undo);
	const trial = join(data, 'trial');
	await mkdir(trial, { recursive: true });
	tell.plain('');

	// Made while the server starts and the package comes: the first time it takes longest.
	const preparing = prepareDevice(options.device, options.suite);
	preparing.catch(() => {});
	const server = await tell.step('server', 'starting', () => upServer(data, undo), serverLine);
	const fetched = await tell.step(
		'package',
		`fetching ${options.package}`,
		async () =>
			fetchPackage({
				name: options.package,
				folder: join(trial, 'package'),
				suite: options.suite,
				mirror: await archiveMirror(),
				signal,
			}),
		(got) => `${got.name} ${got.version} (${got.architecture}), ${count(got.size, 'byte')}, ${got.checked}`,
	);
	const folder = join(trial, 'files');
	const files = await unpackPackage(fetched.file, folder, signal);
	const swu = `${fetched.name}.swu`;
	const key = await trialKey(trial);
	await tell.step(
		'update',
		'packing and signing',
		() => packPackage({ fetched, folder, files, key, output: join(server.downloads, swu), signal }),
		(made) =>
			`${swu}, ${count(files.length, 'file')}, ${count(made.size, 'byte')}, signed with a key for trials; SHA-256 ${made.sha256}`,
	);
	const preparation = await tell.step('root', rootDoing(options), () => orInterrupted(preparing, signal), rootLine);
	const device = await tell.step(
		'device',
		'starting',
		() => upDevice(data, preparation, server, key.certificateFile, undo),
		deviceLine,
	);

	await ensureWorkflow(server.api);
	const definition = definitionOf(fetched.name, fetched.version, `${server.southbound}/download/${swu}`);
	const last = await runJob(server, device, definition, tell, signal);
	if (last.state !== 'ACTIVATED') return reportFailure(last, device, tell);

	const comparing = performance.now();
	const compared = await compareWithDevice({
		folder,
		paths: files.map(({ path }) => path),
		onDevice: (path) => device.readFile(placeOnDevice(fetched.name, path)),
	});
	if (!reportComparison(compared, seconds(comparing), tell)) return 1;
	tell.line(seconds(began), 'total', '');
	await writeFile(join(trial, 'definition.json'), `${JSON.stringify(definition, undefined, '\t')}\n`);
	if (!options.once) await serve(server, device, data, tell, signal);
	return 0;
}

async function dataDirectory(options: MainJobOptions, undo: Undo): Promise<string> {
	if (options.data === undefined && options.once) {
		const folder = await mkdtemp(join(tmpdir(), 'caisson-main-job-'));
		undo.push(() => rm(folder, { recursive: true, force: true }));
		return folder;
	}
	const folder = resolve(options.data ?? 'data');
	// The server refuses a directory that others can read; one that is there already is left as it is.
	await mkdir(folder, { recursive: true, mode: 0o700 });
	return folder;
}

async function upServer(data: string, undo: Undo): Promise<ServerProcess> {
	const server = await startServer({ data, preferredPorts: { southbound: 8080, northbound: 8081 } });
	undo.push(() => server.stop());
	return server;
}

async function upDevice(
	data: string,
	preparation: Preparation,
	server: ServerProcess,
	certificateFile: string,
	undo: Undo,
): Promise<TrialDevice> {
	const device = await startTrialDevice({
		preparation,
		// New each time: an unfinished job of an earlier run is not this device's.
		id: `trial-${randomBytes(3).toString('hex')}`,
		server: `${server.southbound}/api/wfx/v1`,
		certificateFile,
		folder: join(data, 'trial'),
	});
	undo.push(() => device.stop());
	return device;
}

/** Creates the job and shows each report as it comes. @returns the job's last status */
async function runJob(
	server: ServerProcess,
	device: TrialDevice,
	definition: ReturnType<typeof definitionOf>,
	tell: Narration,
	signal: AbortSignal,
): Promise<JobStatus> {
	const began = performance.now();
	const follow = await followDevice(server.api, device.id, signal);
	const id = await createJob(server.api, device.id, definition);
	tell.line('', 'job', `${id}, workflow ${workflowName}, for device ${device.id}`);
	let shown = '';
	const following = follow(id, (status) => {
		const percent = status.progress === undefined ? '' : `${status.progress} %`;
		const text = `${status.state.padEnd(10)}  ${percent.padStart(5)}  ${status.message ?? ''}`.trimEnd();
		// A line for each new kind of report; its further percentages, and the next file, only while they last.
		const kind = status.state + (status.message ?? '').replace(/\d.*/, '');
		if (kind === shown) tell.now(text);
		else tell.line(seconds(began), '', text);
		shown = kind;
	});
	const dead = Promise.race([server.died, device.died]).then((words) => Promise.reject(new Error(words)));
	return Promise.race([following, dead]);
}

function reportFailure(last: JobStatus, device: TrialDevice, tell: Narration): 1 {
	tell.line('', 'job', `ended ${last.state}: ${last.message ?? 'the device gave no reason'}`, 'bad');
	const lines = last.context?.lines;
	for (const line of Array.isArray(lines) ? lines : []) tell.line('', '', String(line));
	tell.line('', '', `The device’s log: ${device.logFile}`);
	return 1;
}

/** @returns whether the device holds every byte */
function reportComparison(compared: Comparison, time: string, tell: Narration): boolean {
	const what = `${count(compared.files, 'file')}, ${count(compared.bytes, 'byte')}`;
	if (compared.findings.length === 0) {
		tell.line(time, 'compared', `${what}: the device holds exactly the package’s bytes`, 'good');
		return true;
	}
	tell.line(time, 'compared', `${what}: the device does not hold the package’s bytes`, 'bad');
	for (const { path, finding } of compared.findings.slice(0, 20)) tell.line('', '', `${path} ${finding}`);
	if (compared.findings.length > 20) tell.line('', '', `and ${compared.findings.length - 20} more`);
	return false;
}

/** Says how to go on, and serves until Ctrl-C. */
async function serve(
	server: ServerProcess,
	device: TrialDevice,
	data: string,
	tell: Narration,
	signal: AbortSignal,
): Promise<void> {
	const near = relative('.', data) || '.';
	const caisson = `bin/caisson --data ${near}`;
	tell.plain(`
The API is at ${server.northbound}/api/wfx/v1 (operators) and ${server.southbound}/api/wfx/v1 (devices).
Operators send the token in ${near}/operator-token as "Authorization: Bearer …"; commands find it by --data:

  curl -H "Authorization: Bearer $(cat ${near}/operator-token)" ${server.northbound}/api/wfx/v1/jobs
  ${caisson} job query
  ${caisson} job events
  ${caisson} job create --client-id ${device.id} \\
      --workflow ${workflowName} ${near}/trial/definition.json
  bin/caisson update inspect ${near}/downloads/*.swu

Server and device go on; their logs are ${relative('.', server.logFile)} and ${relative('.', device.logFile)}. Ctrl-C ends both.`);
	const ended = Promise.race([server.died, device.died]).then((words) => Promise.reject(new Error(words)));
	await orInterrupted(ended, signal).catch((error: unknown) => {
		if (!signal.aborted) throw error;
	});
	tell.plain('');
}

function orInterrupted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
	const aborted = new Promise<never>((_, reject) => {
		if (signal.aborted) reject(signal.reason);
		signal.addEventListener('abort', () => reject(signal.reason), { once: true });
	});
	return Promise.race([work, aborted]);
}

const serverLine = (server: ServerProcess) =>
	`up: ${server.northbound} for operators, ${server.southbound} for devices`;

const rootDoing = (options: MainJobOptions) =>
	`a Debian ${options.suite} root with SWUpdate; the first time it is made, in about a minute`;

function rootLine(preparation: Preparation): string {
	if (preparation.kind === 'fake') return `none: ${preparation.reason}`;
	const { root } = preparation;
	return `Debian ${root.suite}, ${root.made ? 'made now with mmdebstrap' : 'made by an earlier run'}: ${root.path}`;
}

const deviceLine = (device: TrialDevice) => `${device.id}: ${device.description}`;

async function run(words: readonly string[]): Promise<number> {
	const { stdout, stderr, env: environment } = process;
	const world = { stdout, stderr, stdin: () => process.stdin, environment, interrupted: interruption };
	const terminal = processTerminal(
		{ ...world, localServers: localServers(environment) },
		() => ({}),
		() => {},
	);
	const undo: Undo = [];
	try {
		const options = readOptions(words);
		if (options.help) {
			terminal.write(mainJobHelp);
			return 0;
		}
		// A service manager's way to say Ctrl-C; also what `npm start` passes on.
		interruption();
		process.on('SIGTERM', () => process.emit('SIGINT'));
		return await mainJob(options, terminal, undo);
	} catch (error) {
		terminal.progress('');
		if (terminal.interrupted.aborted) return 130;
		const meaning = meaningOf(error);
		terminal.note(`caisson: ${error instanceof Error ? error.message : error} [${meaning.code}]`);
		terminal.note(`  ${meaning.remedy}`);
		return 2;
	} finally {
		for (const step of undo.toReversed()) await step();
	}
}

process.exitCode = await run(process.argv.slice(2));
