// The Debian root that python-tuf runs from: made and cached as the real device's (testing/real-device/root.ts), with
// python3-tuf in place of SWUpdate. It decides how a Python script runs in it: with the loopback network of this machine,
// one writable folder, and the root itself read-only. It leaves out what the scripts do.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type DebianRoot, packageVersion, prepareDebianRoot, whyNot } from '../real-device/root.ts';

export interface PythonTufRoot extends DebianRoot {
	/** Version of the Debian package python3-tuf. */
	readonly pythonTufVersion: string;
}

// Debian's python3-tuf checks signatures in pure Python (ed25519 only) unless python3-cryptography is there.
const packages = ['python3-tuf', 'python3-cryptography'];

/** Why python-tuf cannot run on this machine: one sentence that says what to do; undefined where it can. */
export async function whyNoPythonTuf(): Promise<string | undefined> {
	return whyNot('python-tuf, the reference client of TUF,');
}

/** The root with python3-tuf, made if there is none. @throws Error with the last lines of mmdebstrap where it fails */
export async function pythonTufRoot(note?: (line: string) => void): Promise<PythonTufRoot> {
	const options = {
		suite: process.env.CAISSON_DEVICE_SUITE || 'trixie',
		expired: process.env.CAISSON_DEVICE_EXPIRED === '1',
		...(note === undefined ? {} : { note }),
	};
	const root = await prepareDebianRoot(options, packages, 'python-tuf');
	return { ...root, pythonTufVersion: await packageVersion(root.path, 'python3-tuf') };
}

// The mounts end with the namespace. Python's time is the machine's own: a clock for tests would be a fake of what is tested.
const script = `
set -eu
root=$1 work=$2 script=$3
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/mnt"
mkdir "$root/mnt/work" "$root/mnt/scripts"
mount --bind "$work" "$root/mnt/work"
mount --bind "$(dirname "$script")" "$root/mnt/scripts"
exec chroot "$root" python3 -B "/mnt/scripts/$(basename "$script")"
`;

/**
 * Runs a Python script of this folder (or of an absolute path) in the root. `input` goes to its stdin as JSON; what it
 * prints is the answer, as JSON. The script sees `folder` as /mnt/work.
 * @throws Error with the script's stderr where it fails
 */
export async function runPython(root: PythonTufRoot, name: string, folder: string, input: unknown): Promise<unknown> {
	const path = name.startsWith('/') ? name : fileURLToPath(new URL(name, import.meta.url));
	const words = ['--mount', '--pid', '--fork', '--kill-child=SIGKILL', 'sh', '-c', script, 'python'];
	const child = spawn('unshare', [...words, root.path, folder, path], {
		stdio: ['pipe', 'pipe', 'pipe'],
		env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: '/mnt/work' },
	});
	const output: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr'] as const) {
		child[name].setEncoding('utf8').on('data', (text: string) => {
			output[name] += text;
		});
	}
	child.stdin.end(JSON.stringify(input));
	const code = await new Promise<number | null>((resolve, reject) => {
		child.on('error', reject).on('close', resolve);
	});
	if (code !== 0) throw new Error(`${name} ended with ${code} in ${root.path}:\n${output.stderr}`);
	return JSON.parse(output.stdout);
}
