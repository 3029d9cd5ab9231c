// Writes what a plan made into a folder: the .zck with its header, or the rdiff delta, each with a specification to pack. All
// of it is made in a scratch folder beside and moved at the end, so that no name stands for half a file.

import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { CaissonError } from '../../errors.ts';
import type { Candidate, Way } from '../rules/delta-plan.ts';
import { type DeltaSpecification, specificationText } from '../rules/delta-specification.ts';
import type { DeltaPlan } from './planner.ts';
import { readZchunkFile } from './zchunk-file.ts';

export interface FilesRequest {
	readonly folder: string;
	readonly oldImage: string;
	readonly newImage: string;
	readonly ways: readonly Way[];
	readonly places: Pick<DeltaSpecification, 'from' | 'to' | 'maxRanges'>;
}

/**
 * An empty folder inside `folder` (which is made where it is missing), on the same file system; removed at the end with
 * all that is still in it.
 * @throws CaissonError file-unusable; what `work` throws
 */
export async function withScratch<Result>(folder: string, work: (scratch: string) => Promise<Result>): Promise<Result> {
	const scratch = await attempt(folder, async () => {
		await mkdir(folder, { recursive: true });
		return mkdtemp(join(folder, '.caisson-delta-'));
	});
	try {
		return await work(scratch);
	} finally {
		await rm(scratch, { recursive: true, force: true });
	}
}

/**
 * Moves the plan's files into the folder; files of the same name are replaced, but a specification that somebody has
 * edited stays, and the new one gets the ending .new.
 * @param scratch where the plan's files are; on the same file system
 * @returns the paths, specifications last
 * @throws CaissonError file-unusable
 */
export async function writeDeltaFiles(plan: DeltaPlan, scratch: string, request: FilesRequest): Promise<string[]> {
	const { folder, newImage } = request;
	const name = basename(newImage);
	const files = new Map<string, string>();
	const texts = new Map<string, string>();
	for (const way of request.ways) {
		const candidate = smallest(plan, way);
		if (candidate === undefined) continue;
		const from = (path: string) => relative(resolve(folder), resolve(path));
		let source = from(newImage);
		if (way === 'zck') {
			source = `${name}.zck`;
			const header = join(scratch, 'header');
			await attempt(folder, async () => writeFile(header, (await readZchunkFile(plan.zchunkFile)).headerBytes));
			files.set(source, plan.zchunkFile).set(`${source}hdr`, header);
		} else if (way === 'rdiff') {
			source = `${name}.rdiff`;
			files.set(source, plan.rdiffFile as string);
		}
		const compress = candidate.form === 'zlib' || candidate.form === 'zstd' ? { compress: candidate.form } : {};
		const images = { oldImage: from(request.oldImage), newImage: from(newImage) };
		texts.set(
			`${name}.${way}.yaml`,
			specificationText({ way, source, ...images, ...compress, ...request.places, url: plan.url }),
		);
	}
	const written: string[] = [];
	await attempt(folder, async () => {
		for (const [target, text] of texts) {
			const temporary = join(scratch, target);
			await writeFile(temporary, text, { flag: 'wx' });
			const edited = await isEdited(join(folder, target), text);
			files.set(edited ? `${target}.new` : target, temporary);
		}
		for (const [target, temporary] of files) {
			await rename(temporary, join(folder, target));
			written.push(join(folder, target));
		}
	});
	return written;
}

/** Is there a specification that says something else than what would be written? */
async function isEdited(file: string, text: string): Promise<boolean> {
	try {
		return (await readFile(file, 'utf8')) !== text;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
		throw error;
	}
}

/** The form of a way that takes the fewest bytes: what the device can take where there is such a one. */
function smallest({ candidates }: DeltaPlan, way: Way): Candidate | undefined {
	return candidates
		.filter((candidate) => candidate.way === way)
		.sort((one, other) => {
			const impossible = (each: typeof one) => (each.verdict === 'impossible' ? 1 : 0);
			return impossible(one) - impossible(other) || one.down + one.up - (other.down + other.up);
		})[0];
}

async function attempt<Result>(folder: string, step: () => Promise<Result>): Promise<Result> {
	try {
		return await step();
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${folder} cannot be written (${reason}).`, { cause });
	}
}
