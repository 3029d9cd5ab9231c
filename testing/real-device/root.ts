// The Debian root that a real device runs from: made once with mmdebstrap, kept outside the tree in the user's cache,
// shared by every device and every run. It decides where the root is, whether it must be made, and why it cannot be; it
// leaves out running anything in it (device.ts).

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

export interface DeviceRoot {
	/** Never written to after it was made. */
	readonly path: string;
	readonly suite: string;
	/** Version of the Debian package swupdate, from dpkg-query in the root: the program itself prints none. */
	readonly swupdateVersion: string;
	/** False where an earlier run had made it. */
	readonly made: boolean;
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

/** Why no real device can run on this machine: one sentence that says what to do; undefined where one can. */
export async function whyNot(): Promise<string | undefined> {
	if (process.platform !== 'linux') return 'A real SWUpdate device needs Linux.';
	if (process.getuid?.() !== 0) return 'A real SWUpdate device needs root (mount and chroot): run as root.';
	for (const [program, debianPackage] of programs) {
		if (!(await onPath(program))) {
			return `A real SWUpdate device needs ${program}: apt-get install ${debianPackage}.`;
		}
	}
	const attempt = await runProgram('unshare', ['--mount', '--pid', '--fork', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
	if (attempt.code !== 0) {
		return `A real SWUpdate device needs the right to mount in a namespace of its own (${attempt.output.trim()}).`;
	}
	return undefined;
}

/**
 * A root with SWUpdate of the given suite, made if there is none. Two callers at once make it once: the other waits. One
 * that was left half-made is discarded. On return it is complete.
 * @throws Error with the last lines of mmdebstrap where it fails
 */
export async function prepareRoot(options: RootOptions): Promise<DeviceRoot> {
	if (!/^[a-z][a-z0-9.-]*$/.test(options.suite)) throw new Error(`not the name of a suite: ${options.suite}`);
	const mirror = options.mirror ?? (await archiveMirror());
	const cache = options.cache ?? defaultCache();
	await mkdir(cache, { recursive: true });
	const described = JSON.stringify([recipe, options.suite, packages, mirror, process.arch]);
	const name = `${options.suite}-${createHash('sha256').update(described).digest('hex').slice(0, 12)}`;
	const path = join(cache, name);
	const made = !(await exists(path));
	if (made) {
		options.note?.(`Making a Debian ${options.suite} root with SWUpdate from ${mirror} (once; about a minute).`);
		await makeRoot(path, options.suite, mirror, options.expired ?? false);
	}
	return { path, suite: options.suite, swupdateVersion: await packageVersion(path, 'swupdate'), made };
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

async function makeRoot(path: string, suite: string, mirror: string, expired: boolean): Promise<void> {
	const words = [suite, mirror, packages.join(','), `Acquire::Check-Valid-Until "${!expired}"`];
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

async function packageVersion(root: string, name: string): Promise<string> {
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
