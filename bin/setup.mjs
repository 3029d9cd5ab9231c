// Brings a machine from "Node, npm and git" to "everything that npm start and npm test need": the npm packages of the
// lock file, among them the pinned Node, and the Debian packages of programs/debian-packages.json. It decides what is
// missing and installs only that. It runs on whatever Node the machine has, 18 or later, before anything is
// installed: plain JavaScript, no dependency. CAISSON_INSTALL=no in the environment keeps it from installing Debian
// packages: it then only says what is missing.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Set-up that cannot go on; the message says what the reader can do. */
export class SetupError extends Error {}

const say = (line) => process.stderr.write(`caisson set-up: ${line}\n`);

/**
 * The path of the pinned Node.
 * @throws SetupError on a processor without one, or where npm left it out
 */
export function pinnedNode() {
	if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
		throw new SetupError(`Caisson runs on Linux on x86_64 and aarch64, not on ${process.platform} ${process.arch}.`);
	}
	const node = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
	if (!existsSync(node)) {
		throw new SetupError(`npm did not install ${node}. Remove node_modules and run the command again.`);
	}
	return node;
}

function readPackages(path) {
	try {
		return JSON.parse(readFileSync(path, 'utf8')).packages;
	} catch {
		return undefined;
	}
}

/**
 * Does node_modules hold what package-lock.json asks for? npm writes node_modules/.package-lock.json as its last step,
 * so an interrupted or an older installation is told from a whole one. Optional packages (for other processors) may
 * be absent; the pinned Node may not.
 */
export function npmPackagesCurrent() {
	const wanted = readPackages(join(root, 'package-lock.json'));
	const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
	if (wanted === undefined || installed === undefined) return false;
	if (!existsSync(join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'))) return false;
	return Object.entries(wanted).every(([path, entry]) => {
		if (path === '') return true;
		const present = installed[path];
		return present === undefined ? entry.optional === true : present.version === entry.version;
	});
}

/** Installs the npm packages where they are absent or not those of the lock file. @throws SetupError */
export function setUpNpmPackages() {
	if (!npmPackagesCurrent()) {
		say('installing the npm packages of package-lock.json, among them the pinned Node (npm ci)');
		const options = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
		let status = null;
		for (let attempt = 1; attempt <= 3 && status !== 0; attempt += 1) {
			if (attempt > 1) say(`npm ci failed; attempt ${attempt} of 3`);
			const result = spawnSync('npm', ['ci', ...options], { cwd: root, stdio: ['ignore', 2, 2] });
			if (result.error) throw new SetupError(`npm could not be run: ${result.error.message}`);
			status = result.status;
		}
		if (status !== 0) {
			throw new SetupError('npm ci failed three times; its messages above say why. Is the registry reachable?');
		}
	}
	pinnedNode();
}

/** Is a package there? `proof` is a program looked up in PATH and the system folders, or the path of a file. */
export function isPresent(proof) {
	if (proof.startsWith('/')) return existsSync(proof);
	const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
	return folders.some((folder) => {
		try {
			accessSync(join(folder, proof), constants.X_OK);
			return folder !== '';
		} catch {
			return false;
		}
	});
}

/** The rows of the table that `purpose` ('start', 'test', 'e2e') needs and this machine lacks. */
export function missingDebianPackages(purpose, present = isPresent) {
	const table = JSON.parse(readFileSync(join(root, 'programs', 'debian-packages.json'), 'utf8')).packages;
	return table.filter((row) => row.neededBy.includes(purpose) && !present(row.proof));
}

function apt(...words) {
	const options = ['-qq', '-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'];
	const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
	return spawnSync('apt-get', [...options, ...words], { stdio: ['ignore', 2, 2], env }).status === 0;
}

function packageListsPresent() {
	try {
		return readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'));
	} catch {
		return false;
	}
}

function installDebianPackages(names) {
	const install = () => apt('install', '--yes', '--no-install-recommends', ...names);
	if (packageListsPresent() && install()) return true;
	return apt('update') && install();
}

/**
 * Installs the Debian packages that `purpose` needs and that are missing, where this process may: as root, on a
 * machine with apt-get. Elsewhere, and where it fails, says what to install and what is left out without it: the
 * programs find out for themselves what they can do, so a missing package is no error here.
 */
export function setUpDebianPackages(purpose) {
	const missing = missingDebianPackages(purpose);
	if (missing.length === 0) return;
	const names = missing.map((row) => row.package);
	const command = `apt-get install ${names.join(' ')}`;
	let advice = `as root: ${command}`;
	if (!isPresent('apt-get')) {
		advice = `this machine has no apt-get; what Debian calls ${names.join(', ')} comes from its own packages`;
	} else if (process.env.CAISSON_INSTALL === 'no') {
		say('CAISSON_INSTALL=no: installing nothing');
	} else if (process.getuid?.() === 0) {
		say(command);
		installDebianPackages(names);
	}
	const still = missing.filter((row) => !isPresent(row.proof));
	for (const row of still) say(`without ${row.package}: ${row.without}`);
	if (still.length > 0) say(advice);
}
