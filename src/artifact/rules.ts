// What an artifact is: bytes, named by their SHA-256 and by nothing else. How digests, paths and file names are written
// and read, and which digests a text names. It leaves out where the bytes are.

/** A SHA-256 in lower-case hex: the only way to write it, so that one artifact has one address. */
export function isDigest(text: string): boolean {
	return /^[0-9a-f]{64}$/.test(text);
}

/** Bytes of a file name, as in most file systems. */
const longestName = 255;

/** What is wrong with a name after the digest in an address; undefined where nothing is. */
export function fileNameProblem(name: string): string | undefined {
	if (name === '' || name === '.' || name === '..') return 'it names no file';
	// Surrogates without their other half cannot be written in a URL either.
	if (/[\p{Cc}/\\]/u.test(name) || !name.isWellFormed()) return 'it has a character that no file name has';
	return utf8Length(name) > longestName ? `it has more than ${longestName} bytes` : undefined;
}

function utf8Length(text: string): number {
	let length = 0;
	for (const character of text) {
		const code = character.codePointAt(0) ?? 0;
		length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	}
	return length;
}

/** The address below a server's root. The name is for whoever saves the file; the digest alone decides. */
export function artifactPath(digest: string, name?: string): string {
	return `/artifacts/sha256/${digest}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** Content-Disposition for a name (RFC 6266): the plain form for old clients, the extended one for the others. */
export function contentDisposition(name: string): string {
	const plain = name.replace(/[^\x20-\x7e]/g, '_').replace(/["\\%]/g, '_');
	// RFC 8187, section 3.2.1: attr-char is narrower than what encodeURIComponent leaves alone.
	const encoded = encodeURIComponent(name).replace(
		/['()*]/g,
		(sign) => `%${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase()}`,
	);
	const extended = plain === name ? '' : `; filename*=UTF-8''${encoded}`;
	return `attachment; filename="${plain}"${extended}`;
}

/** A longer row of hexadecimal digits is something else; shorter ones may have a digest behind an encoded sign (%3A…). */
const longestRun = 256;

/** Every digest that the text holds: as a value, inside an address or as a key. Case does not matter. */
export function digestsIn(text: string): ReadonlySet<string> {
	const found = new Set<string>();
	for (const [run] of text.toLowerCase().matchAll(/[0-9a-f]{64,}/g)) {
		const places = run.length <= longestRun ? run.length - 64 : 0;
		for (let start = 0; start <= places; start++) found.add(run.slice(start, start + 64));
		found.add(run.slice(-64));
	}
	return found;
}
