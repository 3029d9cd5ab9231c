// The verdict of the real SWUpdate on a .swu: Debian's own program in a chroot on a writable copy of the prepared root,
// laid out as a profile says, run once with -i. It decides how a profile becomes files, mounts and parameters, and what
// counts as right afterwards. It leaves out predicting.

import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runProgram } from '../../src/outside/processes.ts';
import type { DeviceRoot } from '../real-device/root.ts';
import { decodeEnvironment, encodeEnvironment } from '../real-device/uboot-environment.ts';
import { certificateOf } from './archive.ts';
import { profileOf, type VerdictCase } from './case.ts';
import { contentOf, testKey } from './content.ts';

export interface RealVerdict {
	/** 0: "SWUpdate successful"; 1: refused or failed. 137: it had to be killed. */
	readonly exit: number;
	/** After the update the device holds what the case wants installed. */
	readonly right: boolean;
	/** Lines of the level ERROR, without the name and line of the source file. */
	readonly errors: readonly string[];
}

/** Run by sh in namespaces of its own: $1 root, $2 folder, then SWUpdate's parameters. */
const runScript = `
set -eu
lower=$1 folder=$2
shift 2
system=$folder/system
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$system"
mount -t proc proc "$system/proc"
mount -t tmpfs -o mode=0755 tmpfs "$system/run"
mkdir "$system/run/swupdate"
mount -t tmpfs -o "mode=1777,size=$(cat "$folder/tmp-size")" tmpfs "$system/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$system/dev"
for node in null zero full random urandom; do
	: > "$system/dev/$node"
	mount --bind "/dev/$node" "$system/dev/$node"
done
while read -r path size; do
	mkdir -p "$system$path"
	mount -t tmpfs -o "size=$size" tmpfs "$system$path"
done < "$folder/mounts"
# A device of a fixed size: a file that fills its file system.
while read -r path content size; do
	fixed=$folder/fixed$content
	mkdir -p "$fixed"
	mount -t tmpfs -o "size=$size" tmpfs "$fixed"
	cp "$folder/content$content" "$fixed/device"
	mkdir -p "$(dirname "$system$path")"
	: > "$system$path"
	mount --bind "$fixed/device" "$system$path"
done < "$folder/targets"
code=0
timeout -k 1 30 chroot "$system" /usr/bin/swupdate "$@" > "$folder/log" 2>&1 || code=$?
# What was mounted ends with this namespace: keep what the case asks for.
while read -r path number; do
	[ ! -f "$system$path" ] || cp "$system$path" "$folder/result$number"
done < "$folder/wanted"
exit $code
`;

const environmentPath = '/boot/uboot.env';
const environmentSize = 0x4000;

/** Runs the archive of a case. Nothing is left behind. @throws Error where the machine cannot (no root, no overlay) */
export async function realVerdict(root: DeviceRoot, each: VerdictCase, archive: Uint8Array): Promise<RealVerdict> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-verdict-'));
	try {
		await chmod(folder, 0o755);
		const wanted = await layOut(folder, each, archive);
		const parameters = [root.path, folder, ...parametersOf(profileOf(each) as unknown as Profile)];
		const namespaces = ['--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--propagation', 'private', '--net'];
		const { code, output } = await runProgram('unshare', [
			...namespaces,
			'sh',
			'-c',
			runScript,
			'verdict',
			...parameters,
		]);
		const log = await readFile(join(folder, 'log'), 'latin1').catch(() => undefined);
		if (log === undefined) throw new Error(`${each.name} could not be run: ${output.trim()}`);
		return { exit: code ?? -1, right: await isRight(folder, wanted, each), errors: errorsOf(log) };
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/** The keys of a profile that a device is laid out from; see src/update/rules/device-profile.ts. */
interface Profile {
	readonly hardware?: { readonly board: string; readonly revision: string };
	readonly selection?: string;
	readonly trust: { readonly certificates: string; readonly purpose?: string };
	readonly 'installed-versions'?: Readonly<Record<string, string>>;
	readonly limits?: Readonly<Record<string, string>>;
	readonly bootloader?: string;
	readonly 'bootloader-environment'?: boolean;
	readonly targets?: Readonly<Record<string, { readonly size: number; readonly content?: string }>>;
	readonly 'file-systems'?: Readonly<Record<string, { readonly free: number }>>;
	readonly directories?: readonly string[];
	readonly 'encryption-key'?: boolean;
}

/** @returns the paths to look at afterwards */
async function layOut(folder: string, each: VerdictCase, archive: Uint8Array): Promise<string[]> {
	const profile = profileOf(each) as unknown as Profile;
	for (const part of ['upper', 'work', 'system']) await mkdir(join(folder, part));
	const put = async (path: string, content: Uint8Array | string) => {
		const place = join(folder, 'upper', path);
		await mkdir(dirname(place), { recursive: true });
		await writeFile(place, content);
	};
	await put('/w/update.swu', archive);
	await put('/w/trusted.pem', certificateOf(profile.trust.certificates));
	if (profile['encryption-key'] === true) await put('/w/aes', `${testKey.key} ${testKey.vector}\n`);
	const globals = ['bootloader', 'digest-provider'].map((name) => {
		const value = name === 'bootloader' ? (profile.bootloader ?? 'none') : 'opensslCMS';
		return `\t${name} = "${value}";`;
	});
	const location = '\tfwenv-config-location = "/etc/fw_env.config";';
	await put('/w/swupdate.cfg', `globals : {\n\tloglevel = 3;\n${globals.join('\n')}\n${location}\n};\n`);
	if (profile['installed-versions'] !== undefined) {
		await put(
			'/etc/sw-versions',
			Object.entries(profile['installed-versions'])
				.map((pair) => `${pair.join(' ')}\n`)
				.join(''),
		);
	}
	if (profile['bootloader-environment'] === true) {
		await put('/etc/fw_env.config', `${environmentPath} 0x0 0x${environmentSize.toString(16)}\n`);
		await put(environmentPath, encodeEnvironment(new Map([['ustate', '0']]), environmentSize));
	}
	for (const [path, recipe] of Object.entries(each.device ?? {})) await put(path, contentOf(recipe));
	for (const path of profile.directories ?? []) await mkdir(join(folder, 'upper', path), { recursive: true });
	const targets: string[] = [];
	for (const [index, [path, { size, content }]] of Object.entries(profile.targets ?? {}).entries()) {
		const bytes = new Uint8Array(size);
		if (content !== undefined) bytes.set(contentOf(content));
		await writeFile(join(folder, `content${index}`), bytes);
		targets.push(`${path} ${index} ${size}\n`);
	}
	await writeFile(join(folder, 'targets'), targets.join(''));
	const { '/tmp': temporary, ...mounts } = profile['file-systems'] ?? {};
	await writeFile(join(folder, 'tmp-size'), String(temporary?.free ?? 64 << 20));
	await writeFile(
		join(folder, 'mounts'),
		Object.entries(mounts)
			.filter(([path]) => path !== '/')
			.map(([path, { free }]) => `${path} ${free}\n`)
			.join(''),
	);
	const wanted = [...Object.keys(each.installs ?? {}), ...(each.environment === undefined ? [] : [environmentPath])];
	await writeFile(join(folder, 'wanted'), wanted.map((path, index) => `${path} ${index}\n`).join(''));
	return wanted;
}

function parametersOf(profile: Profile): string[] {
	const { hardware, selection, trust, limits } = profile;
	return [
		...['-f', '/w/swupdate.cfg', '-i', '/w/update.swu', '-k', '/w/trusted.pem'],
		...(hardware === undefined ? [] : ['-H', `${hardware.board}:${hardware.revision}`]),
		...(selection === undefined ? [] : ['-e', selection]),
		...(profile['encryption-key'] === true ? ['-K', '/w/aes'] : []),
		...(trust.purpose === undefined ? [] : ['--cert-purpose', trust.purpose]),
		...(limits?.['no-downgrading'] === undefined ? [] : ['-N', limits['no-downgrading']]),
		...(limits?.['no-reinstalling'] === undefined ? [] : ['-R', limits['no-reinstalling']]),
		...(limits?.['max-version'] === undefined ? [] : ['--max-version', limits['max-version']]),
	];
}

async function isRight(folder: string, wanted: readonly string[], each: VerdictCase): Promise<boolean> {
	for (const [index, path] of wanted.entries()) {
		const found = await readFile(join(folder, `result${index}`)).catch(() => undefined);
		if (found === undefined) return false;
		if (path === environmentPath && each.environment !== undefined) {
			const variables = decodeEnvironment(found);
			if (Object.entries(each.environment).some(([name, value]) => (variables.get(name) ?? '') !== value)) return false;
			continue;
		}
		const should = contentOf((each.installs as Record<string, string>)[path] as string);
		if (!found.subarray(0, should.length).equals(should)) return false;
	}
	return true;
}

function errorsOf(log: string): string[] {
	return log.split('\n').flatMap((line) => {
		const found = /^\[ERROR\] : SWUPDATE failed \[\d\] (?:ERROR \S+ : \S+ : \d+ : )?(.*)$/.exec(line.trim());
		return found === null ? [] : [(found[1] as string).trim()];
	});
}
