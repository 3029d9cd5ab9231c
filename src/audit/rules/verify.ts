// Judges an audit chain, given as the lines of an export (docs/formats/audit.md): which rows are missing, changed,
// inserted or out of order, whether the seals form one chain, and what could not be judged. It remembers only the rows
// since the last seal, so a trail of any length is judged in little memory. It leaves out where the lines come from.
//
// What it cannot see: seals and rows that were cut off at the end, or a chain that was made anew from some row on. Both
// need a head that was kept elsewhere.

import { idOfLine } from './line.ts';
import { type ChainHead, headOf, lastRowOf, noSeal, readSeal, rowsPerSeal, type Seal, type Sha256 } from './seal.ts';

export const exportFormat = 'caisson-audit-export';
export const exportVersion = 1;

export interface AuditFinding {
	readonly what: 'changed' | 'missing' | 'inserted' | 'reordered' | 'seal' | 'line' | 'head';
	readonly row?: number;
	readonly seal?: number;
	readonly message: string;
}

export interface AuditVerdict {
	/** intact: every sealed row is as it was sealed. nothing sealed: there was nothing to compare with. */
	readonly result: 'intact' | 'finding' | 'coverage lost' | 'nothing sealed' | 'no data';
	readonly seals: number;
	/** Rows that are as they were sealed. */
	readonly intactRows: number;
	/** Rows whose seal is missing or unreadable: nothing can be said about them. */
	readonly notChecked: number;
	/** Rows above the newest seal. */
	readonly notYetSealed: { readonly rows: number; readonly first?: number; readonly last?: number };
	/** The newest seal that was read. */
	readonly head?: ChainHead;
	/** What became of the head that was asked for. */
	readonly askedHead: 'not checked' | 'missing' | { readonly seal: number };
	readonly findings: readonly AuditFinding[];
	/** Findings beyond those listed. */
	readonly moreFindings: number;
	/** Why a part was not looked at; empty where all was. */
	readonly coverageLost: readonly string[];
}

const mostFindings = 100;
/** A seal covers no more rows than rowsPerSeal; what stands before one beyond this many is not kept. */
const mostPending = 10 * rowsPerSeal;

interface Pending {
	readonly id: number;
	readonly line: string;
	readonly digest: string;
}

export class AuditVerifier {
	readonly #sha256: Sha256;
	readonly #wanted: string | undefined;
	readonly #findings: AuditFinding[] = [];
	readonly #coverageLost: string[] = [];
	#moreFindings = 0;
	#state: 'header' | 'body' | 'ended' = 'header';
	#lineNumber = 0;
	#rows = 0;
	#seals = 0;
	#intact = 0;
	#notChecked = 0;
	#lastId = 0;
	#pending: Pending[] = [];
	#beyondPending = 0;
	#number = 0;
	/** Undefined after a seal that could not be read: then the next one cannot be tied to it. */
	#previous: string | undefined = noSeal;
	#head: ChainHead | undefined;
	#foundHead: number | undefined;

	/** @param head the hash of a seal that must be in the chain */
	constructor(sha256: Sha256, head?: string) {
		this.#sha256 = sha256;
		this.#wanted = head;
	}

	/** One line without its line end. @param whole false for what stands behind the last line end: it may be cut off */
	push(bytes: Uint8Array, whole = true): void {
		if (!whole && bytes.at(-1) !== 0x7d) return;
		this.#lineNumber++;
		const line = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
		if (this.#state === 'header') this.#readHeader(line);
		else if (this.#state === 'body') this.#body(line, bytes);
		else this.#find({ what: 'line', message: `line ${this.#lineNumber} stands behind the end of the export` });
	}

	#body(line: string, bytes: Uint8Array): void {
		const id = idOfLine(line);
		if (id !== undefined) this.#row(id, line, bytes);
		else if (line.startsWith('{"seal":')) this.#seal(line);
		else if (line.startsWith('{"end":')) this.#end(line);
		else this.#find({ what: 'line', message: `line ${this.#lineNumber} is neither a row nor a seal` });
	}

	/** What was found; call once, after the last line. */
	verdict(): AuditVerdict {
		if (this.#state !== 'ended')
			this.#lost(`it ends early, after row ${this.#lastId}: what came behind was not looked at`);
		const askedHead = this.#judgeHead();
		const pending = this.#pending.length + this.#beyondPending;
		const first = this.#pending[0]?.id;
		return {
			result: this.#result(),
			seals: this.#seals,
			intactRows: this.#intact,
			notChecked: this.#notChecked,
			notYetSealed: { rows: pending, ...(first === undefined ? {} : { first, last: this.#lastId }) },
			...(this.#head === undefined ? {} : { head: this.#head }),
			askedHead,
			findings: this.#findings,
			moreFindings: this.#moreFindings,
			coverageLost: this.#coverageLost,
		};
	}

	#result(): AuditVerdict['result'] {
		if (this.#findings.length > 0) return 'finding';
		if (this.#coverageLost.length > 0 || this.#notChecked > 0) return 'coverage lost';
		if (this.#seals > 0) return 'intact';
		return this.#rows > 0 ? 'nothing sealed' : 'no data';
	}

	#judgeHead(): AuditVerdict['askedHead'] {
		if (this.#wanted === undefined) return 'not checked';
		if (this.#foundHead !== undefined) return { seal: this.#foundHead };
		const message = 'no seal has the head that was kept: seals were cut off, or the chain was made anew';
		this.#find({ what: 'head', message });
		return 'missing';
	}

	#readHeader(line: string): void {
		const { format, version } = parseObject(line) ?? {};
		this.#state = 'body';
		if (format !== exportFormat) this.#lost('it does not begin as an export of the audit trail');
		else if (version !== exportVersion) this.#lost(`it has version ${version}; this Caisson knows ${exportVersion}`);
	}

	#row(id: number, line: string, bytes: Uint8Array): void {
		this.#rows++;
		if (id <= this.#lastId) {
			const again = this.#pending.some((row) => row.id === id);
			const message = again ? `row ${id} is there twice` : `row ${id} stands behind row ${this.#lastId}`;
			this.#find({ what: again ? 'inserted' : 'reordered', row: id, message });
			if (again) return;
		}
		this.#lastId = Math.max(id, this.#lastId);
		if (this.#pending.length >= mostPending) this.#beyondPending++;
		else this.#pending.push({ id, line: this.#pending.length < rowsPerSeal ? line : '', digest: this.#sha256(bytes) });
	}

	#seal(line: string): void {
		this.#seals++;
		const seal = readSeal(line, this.#sha256);
		if ('fault' in seal) {
			const number = Number(/^\{"seal":(\d{1,15})[,}]/.exec(line)?.[1] ?? this.#number + 1);
			this.#find({ what: 'seal', seal: number, message: `seal ${number} cannot be used: ${seal.fault}` });
			this.#number++;
			this.#previous = undefined;
			this.#dropPending();
			return;
		}
		const { number } = seal;
		if (number <= this.#number) {
			this.#find({ what: 'seal', seal: number, message: `seal ${number} stands behind seal ${this.#number}` });
			return;
		}
		if (number > this.#number + 1) this.#missingSeals(number);
		else if (this.#previous !== undefined && seal.previous !== this.#previous) {
			const message = `seal ${number} does not belong to ${number === 1 ? 'the start' : `seal ${number - 1}`}`;
			this.#find({ what: 'seal', seal: number, message });
		}
		this.#compare(seal);
		this.#number = number;
		this.#previous = seal.hash;
		this.#head = headOf(seal);
		if (seal.hash === this.#wanted) this.#foundHead = number;
	}

	#missingSeals(next: number): void {
		const first = this.#number + 1;
		const named = next - 1 === first ? `seal ${first} is` : `seals ${first} to ${next - 1} are`;
		this.#find({ what: 'seal', seal: first, message: `${named} missing` });
		this.#previous = undefined;
	}

	#dropPending(): void {
		this.#notChecked += this.#pending.length + this.#beyondPending;
		this.#pending = [];
		this.#beyondPending = 0;
	}

	#compare(seal: Seal): void {
		if (this.#beyondPending > 0) {
			this.#lost(`more rows than a seal can cover stand before seal ${seal.number}: they were not compared`);
			this.#dropPending();
			return;
		}
		const found = new Map(this.#pending.map((row) => [row.id, row]));
		const changed: Pending[] = [];
		const sealed = new Map(seal.rows);
		for (const [id, digest] of seal.rows) {
			const row = found.get(id);
			found.delete(id);
			if (row === undefined) {
				this.#find({
					what: 'missing',
					row: id,
					seal: seal.number,
					message: `row ${id} is missing (seal ${seal.number})`,
				});
			} else if (row.digest === digest) this.#intact++;
			else changed.push(row);
		}
		for (const row of changed) this.#changedRow(row, seal.number, changed, sealed);
		const first = seal.rows[0]?.[0] ?? 0;
		for (const { id } of found.values()) {
			// Rows of a seal that is missing or could not be read.
			if (this.#previous === undefined && id < first) this.#notChecked++;
			else {
				const message = `row ${id} is not among those that seal ${seal.number} covers`;
				this.#find({ what: 'inserted', row: id, seal: seal.number, message });
			}
		}
		this.#pending = [];
		this.#lastId = Math.max(this.#lastId, lastRowOf(seal));
	}

	/** A changed row may be another one under a wrong id; with few of them that is worth telling. */
	#changedRow(row: Pending, seal: number, all: readonly Pending[], sealed: ReadonlyMap<number, string>): void {
		const encoder = new TextEncoder();
		const origin =
			all.length > 32
				? undefined
				: all.find(({ id }) => {
						const line = row.line.replace(/^\{"id":\d+,/, `{"id":${id},`);
						return id !== row.id && this.#sha256(encoder.encode(line)) === sealed.get(id);
					});
		const message =
			origin === undefined
				? `row ${row.id} is not what was sealed (seal ${seal})`
				: `row ${row.id} holds what was sealed as row ${origin.id} (seal ${seal})`;
		this.#find({ what: origin === undefined ? 'changed' : 'reordered', row: row.id, seal, message });
	}

	#end(line: string): void {
		this.#state = 'ended';
		const { rows, seals } = parseObject(line) ?? {};
		if (rows === this.#rows && seals === this.#seals) return;
		const here = `${this.#rows} rows and ${this.#seals} seals`;
		this.#lost(`it holds ${here}, and its end tells of ${rows} rows and ${seals} seals`);
	}

	#find(finding: AuditFinding): void {
		if (this.#findings.length < mostFindings) this.#findings.push(finding);
		else this.#moreFindings++;
	}

	#lost(reason: string): void {
		this.#coverageLost.push(reason);
	}
}

function parseObject(line: string): Record<string, unknown> | undefined {
	try {
		const value: unknown = JSON.parse(line);
		return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
	} catch {
		return undefined;
	}
}
