// A device's writable copy of the shared root: an overlay where the folder for temporary files can carry one, else a
// real copy. It decides how the copy is mounted (only inside the device's own mount namespace, so nothing leaks) and
// where a file of the device lies on disk. It leaves out what runs there.

import { existsSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join, normalize } from 'node:path';
import { runProgram } from '../../src/outside/processes.ts';

const folderPrefix = 'caisson-device-';

/** A folder for one device's copy, named after this process. Those that dead processes left behind are deleted. */
export async function newDeviceFolder(): Promise<string> {
	for (const name of await readdir(tmpdir())) {
		const pid = name.startsWith(folderPrefix) ? Number.parseInt(name.slice(folderPrefix.length), 10) : Number.NaN;
		if (Number.isNaN(pid) || existsSync(`/proc/${pid}`)) continue;
		const folder = join(tmpdir(), name);
		// Where a container shares this folder, a living process may have a number that is free here: then its device
		// holds the lock.
		const lock = ['--nonblock', join(folder, 'lock'), 'true'];
		const { code } = await runProgram('flock', lock);
		if (code === 0) await rm(folder, { recursive: true, force: true });
	}
	return mkdtemp(join(tmpdir(), `${folderPrefix}${process.pid}-`));
}

/**
 * Run by sh: $1 the device's lock, held as long as one of its processes lives, $2 the script below, then its parameters.
 * The namespaces are the device's own, and with the first process in them go all others and all mounts.
 */
export const namespaceScript = `
inner=$2
exec 9> "$1"
flock 9
shift 2
exec unshare --mount --pid --fork --kill-child=SIGKILL --propagation private sh -c "$inner" device "$$" "$@"
`;

/**
 * Run by sh as the first process of new mount and pid namespaces: $1 a number that no other device has, $2 the shared
 * root, $3 the device's folder with upper, work and system, $4 its block devices (name=file, apart by spaces, two at
 * most), then SWUpdate's parameters. /run and /tmp are empty after each boot, as on a device. Of /dev there is only what cannot do harm: no disks, no terminals. Where an overlay cannot be
 * mounted (its upper folder lies on an overlay itself, as in many containers), the root is copied once instead and the
 * copy is the upper folder.
 *
 * SWUpdate's processes talk over an abstract socket named after its process id (core/notifier.c), and abstract sockets
 * belong to the network namespace, which all devices share. So SWUpdate gets a process id of its own, even though each
 * device counts from 1: else all but one device would lose their log, or write into another's.
 */
export const startScript = `
set -eu
number=$1 lower=$2 folder=$3 blocks=$4
shift 4
system=$folder/system
if [ -e "$folder/copied" ]; then
	mount --bind "$folder/upper" "$system"
elif ! mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$system" 2>/dev/null; then
	cp -a --reflink=auto "$lower" "$folder/whole"
	cp -a "$folder/upper/." "$folder/whole/"
	rm -rf "$folder/upper"
	mv "$folder/whole" "$folder/upper"
	: > "$folder/copied"
	mount --bind "$folder/upper" "$system"
fi
mount -t proc proc "$system/proc"
mount -t tmpfs -o mode=0755 tmpfs "$system/run"
mkdir "$system/run/swupdate"
mount -t tmpfs -o mode=1777 tmpfs "$system/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$system/dev"
for node in null zero full random urandom; do
	: > "$system/dev/$node"
	mount --bind "/dev/$node" "$system/dev/$node"
done
ln -s /proc/self/fd "$system/dev/fd"
# Held open by all of the device's processes and detached at once: so the kernel frees it with the last of them.
held=7
for block in $blocks; do
	node=$(losetup --find --show "\${block#*=}")
	: > "$system/dev/\${block%%=*}"
	mount --bind "$node" "$system/dev/\${block%%=*}"
	eval "exec $held<>$node"
	losetup --detach "$node"
	held=$((held + 1))
done
echo "$number" > "$system/proc/sys/kernel/ns_last_pid"
chroot "$system" /usr/bin/swupdate "$@" &
wait $!
`;

/**
 * Where a file of the device lies on disk, undefined where the device has no such file: in the upper folder, then, where
 * that is an overlay's, in the shared root. Symbolic links on the way are refused: they would be followed outside the device.
 */
export async function pathInCopy(lower: string, folder: string, path: string): Promise<string | undefined> {
	if (!isAbsolute(path) || normalize(path) !== path) throw new Error(`not a plain absolute path: ${path}`);
	const upper = join(folder, 'upper');
	for (const layer of existsSync(join(folder, 'copied')) ? [upper] : [upper, lower]) {
		let place = layer;
		let kind: 'file' | 'folder' | 'other' | 'absent' = 'folder';
		for (const name of path.slice(1).split('/')) {
			if (kind !== 'folder') break;
			place = join(place, name);
			kind = await kindOf(place);
		}
		if (kind === 'file') return place;
		// A character device in the upper folder is an overlay's whiteout: the device deleted the file.
		if (kind !== 'absent') return undefined;
	}
	return undefined;
}

async function kindOf(place: string): Promise<'file' | 'folder' | 'other' | 'absent'> {
	try {
		const status = await lstat(place);
		if (status.isSymbolicLink()) throw new Error(`${place} is a symbolic link`);
		return status.isFile() ? 'file' : status.isDirectory() ? 'folder' : 'other';
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
		throw error;
	}
}
