// Which Debian mirror this machine uses: read from its own apt sources, so that a site's mirror or cache is used where
// there is one. Other distributions' and third parties' archives are passed over. It leaves out proxies (apt and
// mmdebstrap find those themselves).

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const defaultMirror = 'http://deb.debian.org/debian';

/** The first Debian archive in apt's sources (below `folder`), else deb.debian.org. No slash at the end. */
export async function archiveMirror(folder = '/etc/apt'): Promise<string> {
	const parts = join(folder, 'sources.list.d');
	const names = (await readdir(parts).catch(() => [])).sort();
	// debian.sources and sources.list are what Debian's installer and images write; others come after.
	names.sort((a, b) => Number(b === 'debian.sources') - Number(a === 'debian.sources'));
	for (const file of [join(folder, 'sources.list'), ...names.map((name) => join(parts, name))]) {
		const text = await readFile(file, 'utf8').catch(() => '');
		const sources = file.endsWith('.sources')
			? deb822Sources(text)
			: file.endsWith('.list')
				? oneLineSources(text)
				: [];
		const found = sources.find(isDebianArchive);
		if (found !== undefined) return found.uri.replace(/\/$/, '');
	}
	return defaultMirror;
}

interface Source {
	readonly uri: string;
	readonly components: readonly string[];
	/** Path of a keyring; undefined where the machine's own keys are trusted. */
	readonly signedBy: string | undefined;
}

/** sources.list(5), deb822 style. */
function deb822Sources(text: string): Source[] {
	return text.split(/\n\s*\n/).flatMap((stanza) => {
		const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(stanza)?.[1]?.trim();
		const components = field('Components')?.split(/\s+/) ?? [];
		const uris = field('URIs')?.split(/\s+/) ?? [];
		return uris.map((uri) => ({ uri, components, signedBy: field('Signed-By') }));
	});
}

/** sources.list(5), one-line style: deb [options] uri suite components. */
function oneLineSources(text: string): Source[] {
	return text.split('\n').flatMap((line) => {
		const [, options = '', uri, rest = ''] = /^deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+\S+(.*)$/.exec(line) ?? [];
		const signedBy = /signed-by=(\S+)/i.exec(options)?.[1];
		return uri === undefined ? [] : [{ uri, components: rest.trim().split(/\s+/), signedBy }];
	});
}

/** Debian's own archive, not its security archive: signed by Debian's keys, or on Debian's hosts. */
function isDebianArchive(source: Source): boolean {
	if (!/^https?:\/\/.+\/debian\/?$/.test(source.uri) || !source.components.includes('main')) return false;
	return /^https?:\/\/[^/]*\.debian\.org\//.test(source.uri) || /debian-archive-/.test(source.signedBy ?? '');
}
