// Which handlers a SWUpdate has and what each may install: the list that Debian's build prints when it starts (2024.12.1
// and 2026.05.1 tried), with the masks of register_handler in handlers/*.c.

/** In which list of a description a handler may stand: images and files are one to SWUpdate (core/parser.c, parse). */
export type HandlerUse = 'artifact' | 'script' | 'partition';

export interface Handler {
	readonly uses: readonly HandlerUse[];
	/** It needs no member, so no hash either (NO_DATA_HANDLER). */
	readonly noData: boolean;
}

const artifacts = [
	...['archive', 'tar', 'uboot', 'bootloader', 'btrfs-receive', 'delta', 'gptpart', 'docker_imageload', 'flash'],
	...['flash-hamming1', 'executor', 'raw', 'rawfile', 'rdiff_image', 'rdiff_file', 'swuforward', 'ubivol', 'ucfw'],
];
const scripts = ['docker_containercreate', 'docker_networkcreate', 'docker_volumecreate', 'lua'];
const shellScripts = ['shellscript', 'preinstall', 'postinstall'];
const scriptsWithoutData = [
	...['copy', 'rawcopy', 'toggleboot', 'gptswap', 'docker_imagedelete', 'docker_imageprune', 'docker_containerdelete'],
	...['docker_containerstart', 'docker_networkdelete', 'docker_volumedelete', 'readback', 'ssblswitch', 'ubiswap'],
];
const partitions = ['btrfs', 'diskformat', 'diskpart', 'ubipartition', 'uniqueuuid'];

function table(names: readonly string[], use: HandlerUse, noData: boolean): [string, Handler][] {
	return names.map((name) => [name, { uses: [use], noData }]);
}

/** Handlers of Debian's build. A handler of a profile that is not here may install anything. */
export const debianHandlers: ReadonlyMap<string, Handler> = new Map([
	...table(artifacts, 'artifact', false),
	...table([...scripts, ...shellScripts], 'script', false),
	...table(scriptsWithoutData, 'script', true),
	...table(partitions, 'partition', true),
	['dummy', { uses: ['artifact', 'script', 'partition'], noData: true }],
]);

/** What is assumed of a handler that only the profile knows. */
export const unknownHandler: Handler = { uses: ['artifact', 'script', 'partition'], noData: false };
