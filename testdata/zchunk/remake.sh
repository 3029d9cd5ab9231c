#!/bin/sh
# Makes the files of this folder again with Debian's zck. See README.md.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

# 240,000 bytes: words from a fixed sequence of numbers, a run of zeros longer than the longest chunk, words again.
node -e '
let state = 7;
const next = () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) >>> 8;
const words = Array.from({ length: 4000 }, () => next().toString(36));
const text = (bytes) => {
	let all = "";
	while (all.length < bytes) all += words[next() % words.length] + (next() % 12 === 0 ? "\n" : " ");
	return all.slice(0, bytes);
};
process.stdout.write(Buffer.concat([Buffer.from(text(60000)), Buffer.alloc(140000), Buffer.from(text(40000))]));
' > "$scratch/image"
head -c 4096 "$scratch/image" > "$scratch/dictionary"
: > "$scratch/empty"
(head -c 30000 "$scratch/image"; echo inserted; tail -c +30001 "$scratch/image") > "$scratch/changed"

zck -u --chunk-hash-type sha256 -o swupdate.zck "$scratch/image"
zck -u --chunk-hash-type sha256 -o changed.zck "$scratch/changed"
zck -o default.zck "$scratch/image"
zck --compression-format none --chunk-hash-type sha512 -o none.zck "$scratch/image"
zck -u --chunk-hash-type sha256 -D "$scratch/dictionary" -o dictionary.zck "$scratch/image"
zck -u --chunk-hash-type sha256 -o empty.zck "$scratch/empty"
cp swupdate.zck "$scratch"
(cd "$scratch" && unzck --header swupdate.zck)
cp "$scratch/swupdate.zhr" .
