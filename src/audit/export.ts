// The audit trail as the lines of an export (docs/formats/audit.md): a header, the rows, each seal behind the rows that
// it covers, the rows that are not yet sealed, an end. Rows and seals are read in pages while others write: both are only
// ever appended. What is damaged is exported as it is, for whoever verifies to find it.

import { rowLine } from './rules/line.ts';
import { lastRowOf, readSeal, type Sha256 } from './rules/seal.ts';
import { exportFormat, exportVersion } from './rules/verify.ts';
import type { AuditChainReader, StoredSeal } from './store.ts';

/** Few at a time: a page is garbage as soon as it was written, and a server has other uses for its memory. */
const sealsAtOnce = 2;
const rowsAtOnce = 200;

/** Text of whole lines, some at a time. @param now milliseconds since the epoch */
export async function* exportLines(chain: AuditChainReader, now: number, sha256: Sha256): AsyncGenerator<string> {
	const exported = new Date(now).toISOString();
	yield `${JSON.stringify({ format: exportFormat, version: exportVersion, exported })}\n`;
	const counted = { rows: 0, seals: 0, after: 0 };
	let number = 0;
	for (;;) {
		const seals = await chain.seals(number, sealsAtOnce);
		if (seals.length === 0) break;
		for (const stored of seals) {
			const seal = readSeal(stored.body, sha256);
			if (!('fault' in seal)) yield* rowsThrough(chain, counted, lastRowOf(seal));
			yield `${sealText(stored)}\n`;
			counted.seals++;
		}
		number = seals.at(-1)?.number ?? number;
	}
	// Those that are committed by now; later ones belong to the next export.
	const [newest] = await chain.rowsBefore(Number.MAX_SAFE_INTEGER, 1);
	yield* rowsThrough(chain, counted, newest?.id ?? 0);
	yield `${JSON.stringify({ end: true, rows: counted.rows, seals: counted.seals })}\n`;
}

async function* rowsThrough(
	chain: AuditChainReader,
	counted: { rows: number; after: number },
	through: number,
): AsyncGenerator<string> {
	while (counted.after < through) {
		const page = await chain.rows(counted.after, rowsAtOnce);
		const rows = page.filter(({ id }) => id <= through);
		if (rows.length > 0) yield rows.map((row) => `${rowLine(row)}\n`).join('');
		counted.rows += rows.length;
		counted.after = rows.length < page.length || page.length === 0 ? through : (rows.at(-1)?.id ?? through);
	}
}

/** A body that is not one line was not written by Caisson; it may not pass for other lines. */
function sealText({ number, body }: StoredSeal): string {
	return body.startsWith('{"seal":') && !/[\n\r]/.test(body)
		? body
		: JSON.stringify({ seal: number, unreadable: body });
}
