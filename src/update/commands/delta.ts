// `caisson update delta`: what each way to bring a new image to devices costs, which one fits, and its files.

import { tmpdir } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CaissonError } from '../../errors.ts';
import { wholeNumber, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { readInput } from '../../terminal/input-file.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type FilesRequest, withScratch, writeDeltaFiles } from '../delta/files.ts';
import { type DeltaPlan, type PlanStep, planDelta } from '../delta/planner.ts';
import { highestBlockSize, lowestBlockSize } from '../delta/rdiff.ts';
import { namingFile } from '../naming-file.ts';
import { defaultMaxRanges, maxRangesOf } from '../rules/delta-artifact.ts';
import type { DeviceLimits, Judged, Way } from '../rules/delta-plan.ts';
import { type DeviceProfile, parseDeviceProfile } from '../rules/device-profile.ts';

interface Options {
	readonly baseReadOnly?: true;
	readonly baseWritten?: true;
	readonly ranges: DeviceLimits['ranges'];
	readonly maxRanges?: number;
	readonly device?: string;
	readonly memory?: number;
	readonly url: string;
	readonly compress: boolean;
	readonly tryUncompressed?: true;
	readonly blockSize?: number;
	readonly way?: Way | 'all';
	readonly output?: string;
	readonly from: string;
	readonly to: string;
	readonly format: 'text' | 'json';
}

/** An address of Caisson's server. */
const usualUrl = 'http://caisson.example:8080/artifacts/sha256/{sha256}';
const stepWords: Readonly<Record<PlanStep, string>> = {
	chunking: 'Making the .zck',
	comparing: 'Cutting the old image',
	differing: 'Making the rdiff delta',
	compressing: 'Compressing',
	expanding: 'Expanding',
};

export function deltaCommand(terminal: Terminal): Command {
	const command = new Command('delta')
		.summary('plan how a new image reaches devices that hold an old one')
		.description(
			'Compute what devices that hold OLD download to get NEW: whole, as the missing chunks of a .zck, or as an rdiff delta. ' +
				'The way with the fewest bytes that the devices can take is picked; of each other it is said why not. With -o, its files are written with a specification to pack.',
		)
		.argument('<old>', 'the image that devices hold; or a .zck of it or its header')
		.argument('<new>', 'the image that they get')
		.option('--device <profile>', 'device profile, as update check takes it: handlers and release count')
		.option('--base-read-only', 'the old image is never written to on the device')
		.option('--base-written', 'it is written to, so it differs from what was built')
		.addOption(
			new Option('--ranges <answer>', 'what server and proxies make of several ranges')
				.choices(['yes', 'single', 'no'])
				.default('yes'),
		)
		.option('--max-ranges <count>', 'ranges a request (default: as the release has it, 150)', wholeNumber(1, 1024))
		.option('--memory <bytes>', 'memory that an update may take, e.g. 64M', sizeInBytes)
		.option('--url <url>', 'where devices will fetch the .zck; {sha256} stands for its digest', usualUrl)
		.option('--no-compress', 'do not try to compress image and delta (faster)')
		.option('--try-uncompressed', 'of two compressed squashfs: what would it be without compression?')
		.option('--block-size <bytes>', 'blocks of the rdiff delta', wholeNumber(lowestBlockSize, highestBlockSize))
		.option('-o, --output <folder>', 'write the files of the picked way here')
		.addOption(
			new Option('--way <way>', 'with -o: write this way’s files instead').choices(['full', 'zck', 'rdiff', 'all']),
		)
		.option('--from <place>', 'with -o: device or file that holds the old image', '/dev/OLD')
		.option('--to <place>', 'with -o: device or file that is written', '/dev/NEW')
		.action(async (oldImage: string, newImage: string, options: Options) => {
			checkOptions(options);
			const { plan, written } = await run(terminal, oldImage, newImage, options);
			// A full download that nobody asked for is a finding: scripts that publish deltas must notice it.
			if (plan.picked.way === 'full' && options.way === undefined) terminal.exit(1);
			if (options.format === 'json') terminal.json(asJson(plan, written));
			else show(terminal, plan, written);
		});
	withFormat(command);
	withExitCodes(command, {
		0: 'a delta was picked, or the way that you named was written',
		1: 'a full download is all that is left: read why',
		2: 'trouble',
	});
	return withExamples(command, [
		['caisson update delta v1.img v2.img', 'Compare the ways'],
		['caisson update delta v1.img v2.img --base-read-only -o out', 'Write the files of the best way'],
		['caisson update delta v1.zck v2.img', 'Plan against a .zck of what devices hold'],
	]);
}

function checkOptions(options: Options): void {
	if (options.baseReadOnly && options.baseWritten) {
		throw new CaissonError('usage-wrong', '--base-read-only and --base-written exclude each other.');
	}
	if (options.way !== undefined && options.output === undefined) {
		throw new CaissonError('usage-wrong', '--way says whose files are written: name the folder with -o.');
	}
}

async function readProfile(terminal: Terminal, file: string): Promise<DeviceProfile> {
	const text = await readInput(terminal, file, largestProfile);
	return namingFile(file, () => parseDeviceProfile(text));
}

async function run(
	terminal: Terminal,
	oldImage: string,
	newImage: string,
	options: Options,
): Promise<{ plan: DeltaPlan; written: readonly string[] }> {
	const profile = options.device === undefined ? undefined : await readProfile(terminal, options.device);
	const maxRanges = options.maxRanges ?? (profile === undefined ? defaultMaxRanges : maxRangesOf(profile.release));
	const limits: DeviceLimits = {
		ranges: options.ranges,
		...(profile === undefined ? {} : { handlers: profile.handlers }),
		...(options.baseReadOnly ? { baseReadOnly: true } : options.baseWritten ? { baseReadOnly: false } : {}),
		...(options.memory === undefined ? {} : { memory: options.memory }),
	};
	try {
		return await withScratch(options.output ?? tmpdir(), async (scratch) => {
			const { url, compress, blockSize } = options;
			const tryUncompressed = options.tryUncompressed === true;
			const plan = await planDelta({
				...{ oldImage, newImage, limits, maxRanges, url, compress, blockSize, tryUncompressed, scratch },
				signal: terminal.interrupted,
				progress: (step, bytes, total) => terminal.progress(progressLine(step, bytes, total)),
			});
			if (options.output === undefined) return { plan, written: [] };
			const { from, to } = options;
			const request: FilesRequest = {
				...{ folder: options.output, oldImage, newImage, places: { from, to, maxRanges } },
				ways: waysToWrite(plan, options.way),
			};
			return { plan, written: await writeDeltaFiles(plan, scratch, request) };
		});
	} finally {
		terminal.progress('');
	}
}

function waysToWrite(plan: DeltaPlan, way: Options['way']): Way[] {
	if (way === 'rdiff' && plan.rdiffFile === undefined) {
		throw new CaissonError('usage-wrong', plan.missing[0]?.reason ?? 'There is no rdiff delta.');
	}
	return way === 'all' ? ['full', 'zck', 'rdiff'] : [way ?? plan.picked.way];
}

function progressLine(step: PlanStep, bytes: number, total: number | undefined): string {
	return `${stepWords[step]}: ${bytesText(bytes)}${total === undefined ? '' : ` of ${bytesText(total)}`}`;
}

function asJson(
	{ candidates, picked, advice, zchunk, missing, oldKind, newKind, url, uncompressed }: DeltaPlan,
	written: readonly string[],
) {
	return {
		picked,
		candidates,
		notComputed: missing,
		zchunk: { ...zchunk, url },
		advice,
		images: { old: oldKind, new: newKind },
		uncompressed,
		written,
	};
}

function show(terminal: Terminal, plan: DeltaPlan, written: readonly string[]): void {
	const wayText = ({ way, form }: Judged) => (form === 'chunks' || form === 'plain' ? way : `${way}, ${form}`);
	terminal.table(plan.candidates, [
		{ title: 'Way', value: wayText },
		{ title: 'Receives', value: ({ down }) => String(down), align: 'right' },
		{ title: 'Sends', value: ({ up }) => String(up), align: 'right' },
		{ title: 'Memory', value: ({ memory }) => bytesText(memory), align: 'right' },
		{ title: 'Verdict', value: ({ verdict }) => verdict },
	]);
	terminal.print('');
	const against = new Set(
		plan.candidates
			.filter(({ verdict }) => verdict !== 'picked')
			.map((each) => `Not ${each.verdict === 'impossible' ? each.way : wayText(each)}: ${each.reason}`),
	);
	for (const line of against) terminal.print(line);
	for (const { way, reason } of plan.missing) terminal.print(`Not ${way}: ${reason}`);
	const { zchunk } = plan;
	terminal.print(
		`The .zck: ${zchunk.chunksFound} of ${zchunk.chunksFound + zchunk.chunksMissing} chunks are there already; header ${zchunk.header}, ` +
			`missing chunks ${zchunk.chunks}, HTTP ${zchunk.traffic.framing + zchunk.traffic.answerHeads} bytes (ranges: ${zchunk.ranges}, requests: ${zchunk.traffic.count}).`,
	);
	const { picked } = plan;
	const line = `Picked: ${wayText(picked)}, ${bytesText(picked.down + picked.up)} a device. ${picked.reason}`;
	terminal.print(terminal.style(picked.way === 'full' ? 'warn' : 'good', line));
	if (plan.uncompressed !== undefined) {
		const { newSize, candidates } = plan.uncompressed;
		const deltas = candidates.filter(({ way }) => way !== 'full');
		const figures = deltas.map((each) => `${wayText(each)} ${bytesText(each.down + each.up)}`).join('; ');
		terminal.print(
			`Without compression the image would take ${bytesText(newSize)} on the device, and a delta: ${figures}.`,
		);
	}
	for (const advice of plan.advice) terminal.print(`Advice: ${advice}`);
	for (const file of written) terminal.print(`Wrote ${file}`);
	const specification =
		written.find((file) => /\.(\w+)\.yaml(\.new)?$/.exec(file)?.[1] === picked.way) ??
		written.find((file) => /\.yaml(\.new)?$/.test(file));
	const zck = written.find((file) => file.endsWith('.zck'));
	if (zck !== undefined) terminal.note(`Serve it: caisson artifact add ${zck}`);
	if (specification !== undefined) {
		terminal.note(`Pack it: caisson update pack ${specification} -o update.swu --key KEY --cert CERT`);
	} else terminal.note('Write the files: add -o FOLDER.');
}

/** Larger texts are no device profile. */
const largestProfile = 1 << 20;

const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

function sizeInBytes(text: string): number {
	const [, count, unit] = /^(\d{1,12})([KMG]?)$/.exec(text) ?? [];
	const factor = units[unit ?? ''];
	if (count === undefined || factor === undefined) {
		throw new InvalidArgumentError('It must be a number of bytes; K, M or G may follow, e.g. 64M.');
	}
	return Number(count) * factor;
}
