// Which of the system's programs a test lacks, in the words of its skip. It knows which Debian package has each.

import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const debianPackages: Readonly<Record<string, string>> = {
	zck: 'zchunk',
	zck_delta_size: 'zchunk',
	zck_read_header: 'zchunk',
	rdiff: 'rdiff',
	xdelta3: 'xdelta3',
	mksquashfs: 'squashfs-tools',
	mmdebstrap: 'mmdebstrap',
	time: 'time',
};

/** One sentence that says what to install; undefined where all are there. */
export async function programsMissing(programs: readonly string[]): Promise<string | undefined> {
	const missing: string[] = [];
	for (const program of programs) if (!(await onPath(program))) missing.push(program);
	if (missing.length === 0) return undefined;
	const packages = [...new Set(missing.map((program) => debianPackages[program] ?? program))];
	return `It needs ${missing.join(' and ')}: apt-get install ${packages.join(' ')}.`;
}

async function onPath(program: string): Promise<boolean> {
	for (const folder of (process.env.PATH ?? '').split(delimiter)) {
		const found = await access(join(folder, program), constants.X_OK).then(
			() => true,
			() => false,
		);
		if (found) return true;
	}
	return false;
}
