// The Debian root that a real device runs from: made once with mmdebstrap, kept outside the tree in the user's cache,
// shared by every device and every run. It decides where the root is, whether it must be made, and why it cannot be; it
// leaves out running anything in it (device.ts). Other tests take roots with other packages from it
// (testing/tuf-oracles).

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { runProgram } from '../../src/outside/processes.ts';
import { archiveMirror } from './mirror.ts';

export interface RootOptions {
	/** Suite of the Debian archive: 'trixie' (SWUpdate 2024.12), 'sid', … */
	readonly suite: string;
	/** Default: the mirror in the machine's own apt sources, else deb.debian.org. */
	readonly mirror?: string;
	/** Default: $XDG_CACHE_HOME/caisson/real-device. */
	readonly cache?: string;
	/**
	 * Take an archive index whose validity has ended, as a mirror that stands still has: its signature is checked all the
	 * same. Default: false.
	 */
	readonly expired?: boolean;
	/** Told what happens while a root is made: one short sentence a call. */
	readonly note?: (line: string) => void;
}

export interface DebianRoot {
	/** Never written to after it was made. */
	readonly path: string;
	readonly suite: string;
	/** False where an earlier run had made it. */
	readonly made: boolean;
}

export interface DeviceRoot extends DebianRoot {
	/** Version of the Debian package swupdate, from dpkg-query in the root: the program itself prints none. */
	readonly swupdateVersion: string;
}

/** Raised when the way of making a root changes, so that roots made the old way are not used. */
const recipe = 1;

const packages = ['swupdate'];

/** The programs that the root and the devices need, and the Debian package of each. */
const programs: readonly (readonly [program: string, debianPackage: string])[] = [
	['mmdebstrap', 'mmdebstrap'],
	['flock', 'util-linux'],
	['setpriv', 'util-linux'],
	['unshare', 'util-linux'],
	['chroot', 'coreutils'],
];

/**
 * Why no real device can run on this machine: one sentence that says what to do; undefined where one can.
 * @param what begins the sentence: what needs a root
 */
export async function whyNot(what = 'A real SWUpdate device'): Promise<string | undefined> {
	if (process.platform !== 'linux') return `${what} needs Linux.`;
	if (process.getuid?.() !== 0) return `${what} needs root (mount and chroot): run as root.`;
	for (const [program, debianPackage] of programs) {
		if (!(await onPath(program))) return `${what} needs ${program}: apt-get install ${debianPackage}.`;
	}
	const attempt = await runProgram('unshare', ['--mount', '--pid', '--fork', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
	if (attempt.code !== 0) {
		return `${what} needs the right to mount in a namespace of its own (${attempt.output.trim()}).`;
	}
	return undefined;
}

/**
 * A root with SWUpdate of the given suite, made if there is none: see prepareDebianRoot.
 * @throws Error with the last lines of mmdebstrap where it fails
 */
export async function prepareRoot(options: RootOptions): Promise<DeviceRoot> {
	const root = await prepareDebianRoot(options, packages, 'SWUpdate');
	return { ...root, swupdateVersion: await packageVersion(root.path, 'swupdate') };
}

/**
 * A root with `include` of the given suite, made if there is none. Two callers at once make it once: the other waits. One
 * that was left half-made is discarded. On return it is complete.
 * @param what names the packages in the note
 * @throws Error with the last lines of mmdebstrap where it fails
 */
export async function prepareDebianRoot(
	options: RootOptions,
	include: readonly string[],
	what: string,
): Promise<DebianRoot> {
	if (!/^[a-z][a-z0-9.-]*$/.test(options.suite)) throw new Error(`not the name of a suite: ${options.suite}`);
	const mirror = options.mirror ?? (await archiveMirror());
	const cache = options.cache ?? defaultCache();
	await mkdir(cache, { recursive: true });
	const described = JSON.stringify([recipe, options.suite, include, mirror, process.arch]);
	const name = `${options.suite}-${createHash('sha256').update(described).digest('hex').slice(0, 12)}`;
	const path = join(cache, name);
	const made = !(await exists(path));
	if (made) {
		options.note?.(`Making a Debian ${options.suite} root with ${what} from ${mirror} (once; about a minute).`);
		await makeRoot(path, options.suite, mirror, include, options.expired ?? false);
	}
	return { path, suite: options.suite, made };
}

// The kernel drops the lock with the process that holds it, however that ends, so what lies there under the temporary
// name while we hold it was left by someone dead. The namespaces take mmdebstrap's mounts and children along.
const makeScript = `
set -eu
final=$1 suite=$2 mirror=$3 include=$4 validity=$5
[ ! -e "$final" ] || exit 0
rm -rf --one-file-system "$final.making"
mmdebstrap --variant=minbase --aptopt="$validity" --include="$include" "$suite" "$final.making" "$mirror"
rm -rf "$final.making/var/lib/apt/lists" "$final.making/var/cache/apt"
mv -T "$final.making" "$final"
`;

async function makeRoot(
	path: string,
	suite: string,
	mirror: string,
	include: readonly string[],
	expired: boolean,
): Promise<void> {
	const words = [suite, mirror, include.join(','), `Acquire::Check-Valid-Until "${!expired}"`];
	const namespaces = ['unshare', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'];
	const script = ['sh', '-c', makeScript, 'make-root', path, ...words];
	const guard = ['--pdeathsig', 'KILL', 'flock', `${path}.lock`, ...namespaces, ...script];
	const { code, output } = await runProgram('setpriv', guard);
	if (code !== 0) {
		const lines = output.trimEnd().split('\n');
		const errors = lines.filter((line) => line.startsWith('E: '));
		const last = (errors.length > 0 ? errors : lines.slice(-8)).join('\n');
		throw new Error(`mmdebstrap could not make a ${suite} root from ${mirror} (exit ${code}):\n${last}`);
	}
}

/** Version of a Debian package in `root`. @throws Error where it is not installed there */
export async function packageVersion(root: string, name: string): Promise<string> {
	const format = ['--showformat', '$' + '{Version}', '--show', name];
	const { code, output } = await runProgram('chroot', [root, 'dpkg-query', ...format]);
	if (code !== 0) throw new Error(`dpkg-query in ${root} does not know ${name}: ${output.trim()}`);
	return output.trim();
}

/** $XDG_CACHE_HOME/caisson/real-device, or the same below ~/.cache. */
export function defaultCache(): string {
	return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'caisson', 'real-device');
}

async function onPath(program: string): Promise<boolean> {
	for (const folder of (process.env.PATH ?? '').split(delimiter)) {
		try {
			await access(join(folder, program), constants.X_OK);
			return true;
		} catch {
			// not in this folder
		}
	}
	return false;
}

async function exists(path: string): Promise<boolean> {
	return stat(path).then(
		() => true,
		() => false,
	);
}
