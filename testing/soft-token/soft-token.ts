// A PKCS#11 token for tests: Debian's SoftHSM in a temporary folder, with one token and its PIN in a file. It decides
// where SoftHSM keeps it (an environment variable of this process, which the programs that it starts inherit); it leaves out keys.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const modules = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/softhsm/libsofthsm2.so'];

/** Why no token can be had here, for a test's skip; undefined where one can. */
export function whyNoToken(): string | undefined {
	if (spawnSync('softhsm2-util', ['--version']).error !== undefined) {
		return 'softhsm2-util is not installed (Debian package softhsm2)';
	}
	// pkcs11-tool has no --version; it ends with an error, but it starts.
	if (spawnSync('pkcs11-tool', []).error !== undefined) return 'pkcs11-tool is not installed (Debian package opensc)';
	return modules.some((file) => existsSync(file)) ? undefined : 'the module of SoftHSM is not where it should be';
}

export interface SoftToken {
	readonly label: string;
	readonly module: string;
	readonly pinFile: string;
	/** Holds a PIN that the token refuses. */
	readonly wrongPinFile: string;
	/** A URI for a key of this label, without a module. */
	uri(object: string): string;
	remove(): void;
}

/**
 * Makes a token; SOFTHSM2_CONF of this process then leads to it, so there is one at a time.
 * @param labels tokens that are made besides, with the same PIN
 */
export function makeSoftToken(label = 'caisson-test', labels: readonly string[] = []): SoftToken {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-token-'));
	const module = modules.find((file) => existsSync(file)) as string;
	mkdirSync(join(folder, 'tokens'));
	const configuration = join(folder, 'softhsm2.conf');
	writeFileSync(
		configuration,
		`directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`,
	);
	process.env.SOFTHSM2_CONF = configuration;
	for (const each of [label, ...labels]) {
		const pins = ['--pin', '271828', '--so-pin', '314159'];
		const made = spawnSync('softhsm2-util', ['--init-token', '--free', '--label', each, ...pins], { encoding: 'utf8' });
		if (made.status !== 0) throw new Error(`softhsm2-util: ${made.stdout}${made.stderr}`);
	}
	const [pinFile, wrongPinFile] = [join(folder, 'pin'), join(folder, 'wrong-pin')];
	writeFileSync(pinFile, '271828\n', { mode: 0o600 });
	writeFileSync(wrongPinFile, '999999\n', { mode: 0o600 });
	return {
		label,
		module,
		pinFile,
		wrongPinFile,
		uri: (object) => `pkcs11:token=${encodeURIComponent(label)};object=${encodeURIComponent(object)}`,
		remove: () => {
			delete process.env.SOFTHSM2_CONF;
			rmSync(folder, { recursive: true, force: true });
		},
	};
}
