// What SWUpdate would do with an update on a device: the stages in the order of the real program, each with what decides
// it, and the verdict. Pure: facts in, verdict out. A verdict of "false success" is a class of its own: SWUpdate reports
// success, and the device does not hold what was meant. It leaves out finding the facts (src/update/check).

import {
	behaviourOf,
	handlerFault,
	hardwareFault,
	hashFault,
	readForDevice,
	type ToInstall,
	versionFault,
} from './preflight-description.ts';
import type { PreflightFacts, Stage, StageName, Verdict } from './preflight-facts.ts';
import {
	afterFault,
	beforeFault,
	compareWithWanted,
	type InstallState,
	installArtifact,
	newState,
} from './preflight-install.ts';
import { membersFault, startFault } from './preflight-members.ts';

const sources: Readonly<Record<StageName, string>> = {
	archive: 'core/stream_interface.c extract_file_to_tmp',
	signature: 'core/parser.c parse, corelib swupdate_verify_file',
	description: 'parser/parser.c parse_cfg, parse_json',
	handlers: 'core/parser.c check_handler_list',
	hashes: 'core/parser.c check_missing_hash',
	versions: 'core/parser.c parse',
	hardware: 'core/hw-compatibility.c check_hw_compatibility',
	members: 'core/stream_interface.c extract_files',
	before: 'core/installer.c extract_scripts, run_prepost_scripts',
	install: 'core/installer.c install_single_image',
	after: 'core/installer.c run_prepost_scripts',
	bootenv: 'core/installer.c update_bootloader_env, core/state.c save_state',
};

/** The stages in order, with what each is about, for people. */
export const stageWords: Readonly<Record<StageName, string>> = {
	archive: 'sw-description and its signature stand first',
	signature: 'the signature is right and its signer trusted',
	description: 'sw-description can be read and has something to install',
	handlers: 'every handler is there',
	hashes: 'every payload has a hash',
	versions: 'the version may be installed',
	hardware: 'the update is for this hardware',
	members: 'every member is there and is the one described',
	before: 'scripts are there and run before the images',
	install: 'every image and file is installed',
	after: 'scripts run after the images; readbacks fit',
	bootenv: 'the boot loader takes its variables',
};

/** Decides what SWUpdate would do. */
export function preflight(facts: PreflightFacts): Verdict {
	const run = new Run();
	decide(facts, run);
	return run.verdict();
}

/** What was found at the stages so far. */
class Run {
	readonly #stages = new Map<StageName, Stage>();
	readonly state: InstallState = newState();

	/** Takes the outcome of a stage. @returns whether SWUpdate goes on */
	stage(name: StageName, fault: string | undefined, state: Stage['state'] = 'failed'): boolean {
		const source = sources[name];
		this.#stages.set(
			name,
			fault === undefined ? { name, state: 'passed', source } : { name, state, reason: fault, source },
		);
		return fault === undefined || state !== 'failed';
	}

	verdict(): Verdict {
		const stages = (Object.keys(sources) as StageName[]).map(
			(name): Stage => this.#stages.get(name) ?? { name, state: 'not reached', source: sources[name] },
		);
		const decisive =
			stages.find(({ state }) => state === 'failed') ?? stages.find(({ state }) => state === 'false success');
		const notChecked = [...new Set(this.state.notChecked)];
		if (decisive === undefined) return { verdict: 'installs', stages, notChecked };
		return {
			verdict: decisive.state === 'failed' ? 'refused' : 'false success',
			stage: decisive.name,
			reason: decisive.reason ?? '',
			stages,
			notChecked,
		};
	}
}

function decide(facts: PreflightFacts, run: Run): void {
	const { profile, signature } = facts;
	if (!behaviourOf(profile.release).tried) {
		run.state.notChecked.push(`SWUpdate ${profile.release}: the rules were compared with 2024.12 and 2026.05`);
	}
	if (!run.stage('archive', startFault(facts.archive))) return;
	const signed =
		signature?.valid === true ? undefined : `Signature verification failed: ${signature?.reason ?? 'there is none'}`;
	if (!run.stage('signature', signed)) return;
	const install = readForDevice(facts.description, profile);
	if ('fault' in install) {
		run.stage('description', install.fault);
		return;
	}
	run.stage('description', undefined);
	run.state.notChecked.push(...install.view.passedOver);
	if (install.view.embeddedScript !== undefined) run.state.notChecked.push('the embedded script in Lua');
	if (!run.stage('handlers', handlerFault(install, profile))) return;
	// SWUpdate looks at versions before it acts on a missing hash (core/parser.c, parse).
	const versions = versionFault(install.view.version, profile);
	const hashes = hashFault(install);
	if (versions === undefined && !run.stage('hashes', hashes)) return;
	if (!run.stage('versions', versions)) return;
	const hardware = hardwareFault(install, profile);
	if (hardware === 'unknown') {
		run.state.notChecked.push('a regular expression in hardware-compatibility');
		run.stage('hardware', 'an expression is not judged here', 'unknown');
	} else if (!run.stage('hardware', hardware)) return;
	decideInstall(facts, install, run);
}

function decideInstall(facts: PreflightFacts, install: ToInstall, run: Run): void {
	const { state } = run;
	if (!run.stage('members', membersFault(facts, install, state))) return;
	if (!run.stage('before', beforeFault(install, facts, state))) return;
	for (const artifact of install.images) {
		if (artifact.installedDirectly) continue;
		const fault = installArtifact(artifact, facts, state);
		if (fault !== undefined) {
			run.stage('install', fault);
			return;
		}
	}
	run.stage('install', undefined);
	if (!run.stage('after', afterFault(install, facts, state))) return;
	compareWithWanted(facts, state);
	const [wrong] = state.falseSuccess.values();
	if (wrong !== undefined) run.stage('install', wrong, 'false success');
	run.stage('bootenv', bootenvFault(facts, install, state));
}

/**
 * core/installer.c, update_bootloader_env; core/stream_interface.c, update_transaction_state. "none" keeps variables in
 * memory and takes everything.
 */
function bootenvFault({ profile }: PreflightFacts, { view }: ToInstall, state: InstallState): string | undefined {
	const stored = !profile.noStateMarker && view.stateMarker;
	const touched = view.bootenv.length > 0 || stored;
	if (!touched) return undefined;
	if (profile.bootloader === 'none') {
		if (view.bootenv.length > 0)
			state.notChecked.push('variables of the boot loader: "none" forgets them at the next start');
		return undefined;
	}
	if (profile.bootloaderEnvironment === false) {
		return view.bootenv.length > 0
			? 'the environment of the boot loader cannot be initialised'
			: 'Cannot persistently store INSTALLED update state.';
	}
	if (profile.bootloaderEnvironment === undefined)
		state.notChecked.push('whether the environment of the boot loader can be written');
	return undefined;
}
