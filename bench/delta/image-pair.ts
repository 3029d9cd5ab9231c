// Two real images that differ by one package at two versions: the root file system of a Debian device, built twice by
// mmdebstrap from the same list, written by mksquashfs without compression and, for the comparison, with. It decides the
// recipe and where the images are kept (outside the tree, in the user's cache, under a name of the recipe). What was made
// is not made again, so an interrupted run goes on. It leaves out measuring. The Debian archive moves: the same recipe
// gives other versions after a point release, so pair.json says which ones these are.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runProgram } from '../../src/outside/processes.ts';
import { archiveMirror } from '../../testing/real-device/mirror.ts';

/** Raised when the way of making the images changes. */
const recipe = 1;
const suite = 'trixie';
/** What a gateway carries: an init system, a kernel with its modules, an interpreter, containers, an updater. */
const packages = [
	...['linux-image-amd64', 'systemd-sysv', 'udev', 'dbus', 'openssh-server', 'nftables', 'chrony', 'iproute2', 'curl'],
	...['ca-certificates', 'openssl', 'sudo', 'python3', 'perl', 'podman', 'swupdate', 'vim-tiny', 'locales'],
];
/** Source packages, in order: the first that the security archive has at another version than the main one is taken. */
const candidates = ['openssl', 'openssh', 'curl', 'gnutls28', 'expat', 'linux'];
/** Seconds since 1970 that no time stamp in the images is later than. */
const sourceDate = '1767225600';
/** Bytes: a smaller image would not be the size of a device's. */
const smallest = 400_000_000;

export type PairKind = 'uncompressed' | 'zstd';

export interface ImagePair {
	/** Path of the image with the lower version. */
	readonly old: string;
	readonly new: string;
}

export interface MadePair {
	readonly folder: string;
	readonly images: Readonly<Record<PairKind, ImagePair>>;
	/** What differs, as 'libssl3t64 3.5.7-1 -> 3.5.9-1' for each binary package. */
	readonly changed: readonly string[];
	/** Milliseconds that this call spent on making; 0 where all was there. */
	readonly took: number;
}

interface Described {
	readonly suite: string;
	readonly mirror: string;
	readonly upgraded: string;
	readonly changed: readonly string[];
	readonly images: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
}

/** The programs that making needs, and the Debian package of each. */
export const pairPrograms: readonly (readonly [program: string, debianPackage: string])[] = [
	['mmdebstrap', 'mmdebstrap'],
	['mksquashfs', 'squashfs-tools'],
	['dpkg', 'dpkg'],
	['flock', 'util-linux'],
];

/**
 * The pair, made where it is not in the cache. Two callers at once make it once: the other waits.
 * @param note told what happens, one short sentence a call
 * @throws Error with the last lines of the program that failed; what was complete by then is kept
 */
export async function preparePair(note: (line: string) => void): Promise<MadePair> {
	const mirror = await archiveMirror();
	const described = JSON.stringify([recipe, suite, packages, candidates, sourceDate, mirror, process.arch]);
	const name = `${suite}-${createHash('sha256').update(described).digest('hex').slice(0, 12)}`;
	const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'caisson', 'image-pairs', name);
	await mkdir(folder, { recursive: true });
	const began = performance.now();
	const complete = await readDescription(folder);
	const pair = complete ?? (await make(folder, mirror, note));
	const images = (ending: string) => ({ old: join(folder, `old${ending}`), new: join(folder, `new${ending}`) });
	return {
		folder,
		images: { uncompressed: images('.squashfs'), zstd: images('.zstd.squashfs') },
		changed: pair.changed,
		took: complete === undefined ? performance.now() - began : 0,
	};
}

async function readDescription(folder: string): Promise<Described | undefined> {
	const text = await readFile(join(folder, 'pair.json'), 'utf8').catch(() => undefined);
	return text === undefined ? undefined : (JSON.parse(text) as Described);
}

async function make(folder: string, mirror: string, note: (line: string) => void): Promise<Described> {
	note(`Making two Debian ${suite} images in ${folder} (once; several minutes, about 4 GB while it lasts).`);
	const step = timed(note);
	// "main" comes from the main archive alone, "security" takes one source package from the security archive, which may
	// be behind after a point release.
	await step('root from the main archive', () => makeRoot(folder, 'main', mirror));
	let upgraded: string | undefined;
	for (const candidate of candidates) {
		const other = `security-${candidate}`;
		await step(`root with ${candidate} from the security archive`, () => makeRoot(folder, other, mirror, candidate));
		const changed = await compare(folder, 'main', other);
		if (changed.length > 0) {
			upgraded = candidate;
			break;
		}
		await rm(join(folder, `${other}.tar`), { force: true });
	}
	if (upgraded === undefined) {
		throw new Error(`the security archive has none of ${candidates.join(', ')} at another version than ${mirror}`);
	}
	const other = `security-${upgraded}`;
	const [first] = await compare(folder, 'main', other);
	if (first === undefined) throw new Error('two roots that differed do so no longer');
	const newer = (await isNewer(first.second, first.first)) ? other : 'main';
	const roots = { old: newer === 'main' ? other : 'main', new: newer };
	const images: Record<string, { size: number; sha256: string }> = {};
	for (const [age, root] of Object.entries(roots)) {
		for (const [ending, words] of squashfsKinds) {
			const image = `${age}${ending}`;
			await step(image, () => makeSquashfs(join(folder, `${root}.tar`), join(folder, image), words));
			images[image] = await digest(join(folder, image));
		}
	}
	const size = images['new.squashfs']?.size ?? 0;
	if (size < smallest) throw new Error(`the image has ${size} bytes, at least ${smallest} are wanted`);
	const changed = (await compare(folder, roots.old, roots.new)).map(
		(one) => `${one.name} ${one.first} -> ${one.second}`,
	);
	const described: Described = { suite, mirror, upgraded, changed, images };
	await writeFile(join(folder, 'pair.json.making'), `${JSON.stringify(described, undefined, '\t')}\n`);
	await rename(join(folder, 'pair.json.making'), join(folder, 'pair.json'));
	for (const root of Object.values(roots)) await rm(join(folder, `${root}.tar`), { force: true });
	await rm(join(folder, 'packages'), { recursive: true, force: true });
	return described;
}

function timed(note: (line: string) => void) {
	return async (what: string, work: () => Promise<boolean>): Promise<void> => {
		const began = performance.now();
		const made = await work();
		const took = `${((performance.now() - began) / 1000).toFixed(0)} s`;
		note(made ? `  ${what}: ${took}` : `  ${what}: there already`);
	};
}

const squashfsKinds: readonly (readonly [ending: string, words: readonly string[]])[] = [
	['.squashfs', ['-noI', '-noD', '-noF', '-noX']],
	['.zstd.squashfs', ['-comp', 'zstd', '-Xcompression-level', '3']],
];

// Run by sh under a lock that the kernel drops with this process: what lies under the temporary name was left by someone
// dead. The packages that were fetched are kept beside, so that a second root and a second try fetch little.
const rootScript = `
set -eu
folder=$1 name=$2 suite=$3 include=$4 pins=$5
shift 5
tar=$folder/$name.tar
[ ! -e "$tar" ] || exit 9
mkdir -p "$folder/packages"
rm -f "$tar.making"
cleaned='rm -rf "$1"/boot/initrd* "$1"/etc/ssh/ssh_host_* "$1"/var/log/* "$1"/var/cache/ldconfig/aux-cache
	rm -f "$1"/etc/apt/preferences.d/pair; : > "$1/etc/machine-id"; rm -rf "$1"/var/lib/apt/lists/* "$1"/etc/apt/sources.list*'
mmdebstrap --variant=minbase --format=tar --include="$include" --skip=essential/unlink \\
	--setup-hook='mkdir -p "$1"/var/cache/apt/archives' \\
	--setup-hook="sync-in $folder/packages /var/cache/apt/archives" \\
	--setup-hook="printf '$pins' > \\"\\$1\\"/etc/apt/preferences.d/pair" \\
	--customize-hook="sync-out /var/cache/apt/archives $folder/packages" \\
	--customize-hook="chroot \\"\\$1\\" dpkg-query --show > $folder/$name.packages" \\
	--customize-hook="$cleaned" \\
	"$suite" "$tar.making" "$@"
mv "$tar.making" "$tar"
`;

/** @returns false where it was there */
async function makeRoot(folder: string, name: string, mirror: string, fromSecurity?: string): Promise<boolean> {
	const pin = (what: string, priority: number) =>
		`Package: ${what}\\nPin: release n=${suite}-security\\nPin-Priority: ${priority}\\n\\n`;
	const pins = fromSecurity === undefined ? '' : pin('*', 1) + pin(`src:${fromSecurity}`, 990);
	const sources = [`deb ${mirror} ${suite} main`];
	if (fromSecurity !== undefined) sources.push(`deb ${mirror}-security ${suite}-security main`);
	const words = ['sh', '-c', rootScript, 'make-root', folder, name, suite, packages.join(','), pins, ...sources];
	const guard = ['--pdeathsig', 'KILL', 'nice', 'flock', join(folder, 'lock'), ...words];
	// INITRD=No: the initial RAM disk lies on a partition of its own; making one here would only take time.
	const environment = [`SOURCE_DATE_EPOCH=${sourceDate}`, 'INITRD=No'];
	const { code, output } = await runProgram('env', [...environment, 'setpriv', ...guard]);
	if (code !== 0 && code !== 9) throw new Error(`mmdebstrap failed (exit ${code}):\n${lastLines(output)}`);
	return code === 0;
}

const squashfsScript = `
set -eu
tar=$1 image=$2
shift 2
[ ! -e "$image" ] || exit 9
rm -f "$image.making"
mksquashfs - "$image.making" -tar -quiet -no-progress "$@" < "$tar"
mv "$image.making" "$image"
`;

async function makeSquashfs(tar: string, image: string, words: readonly string[]): Promise<boolean> {
	const script = ['sh', '-c', squashfsScript, 'make-image', tar, image, ...words];
	const guard = ['--pdeathsig', 'KILL', 'nice', 'flock', join(dirname(image), 'lock'), ...script];
	const { code, output } = await runProgram('env', [`SOURCE_DATE_EPOCH=${sourceDate}`, 'setpriv', ...guard]);
	if (code !== 0 && code !== 9) throw new Error(`mksquashfs failed (exit ${code}):\n${lastLines(output)}`);
	return code === 0;
}

interface Difference {
	readonly name: string;
	readonly first: string;
	readonly second: string;
}

/** The binary packages whose versions differ between two roots. */
async function compare(folder: string, one: string, other: string): Promise<Difference[]> {
	const versions = async (root: string) => {
		const text = await readFile(join(folder, `${root}.packages`), 'utf8');
		return new Map(text.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t') as [string, string]])));
	};
	const [before, after] = [await versions(one), await versions(other)];
	const names = [...new Set([...before.keys(), ...after.keys()])].sort();
	return names
		.map((name) => ({ name, first: before.get(name) ?? '(none)', second: after.get(name) ?? '(none)' }))
		.filter(({ first, second }) => first !== second);
}

async function isNewer(one: string, other: string): Promise<boolean> {
	return (await runProgram('dpkg', ['--compare-versions', one, 'gt', other])).code === 0;
}

async function digest(file: string): Promise<{ size: number; sha256: string }> {
	const hash = createHash('sha256');
	await pipeline(createReadStream(file), hash);
	return { size: (await stat(file)).size, sha256: hash.digest('hex') };
}

function lastLines(output: string): string {
	const lines = output.trimEnd().split('\n');
	const errors = lines.filter((line) => line.startsWith('E: '));
	return (errors.length > 0 ? errors : lines.slice(-8)).join('\n');
}
