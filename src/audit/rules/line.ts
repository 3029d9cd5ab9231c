// The canonical form of an audit row: one line of JSON with its fields in a fixed order, as docs/formats/audit.md
// defines it. What is sealed, exported and verified is the bytes of this line. It leaves out the chain (seal.ts).

/** A row exactly as it is stored: `detail` is the JSON text that was written, null where there is none. */
export interface RawAuditRow {
	readonly id: number;
	readonly time: number;
	readonly actor: string;
	readonly action: string;
	readonly subject: string;
	readonly detail: string | null;
}

/**
 * The row as one line, without its line end. The detail stands in it as it is stored, not parsed and written anew, so
 * that every byte of it counts. Text that could not have been written by Caisson (it would break the line) is quoted:
 * the line then differs from the one that was sealed, which is what it should do.
 */
export function rowLine(row: RawAuditRow): string {
	const { id, time, actor, action, subject, detail } = row;
	const fields = `"id":${id},"time":${time},"actor":${JSON.stringify(actor)},"action":${JSON.stringify(action)}`;
	const end = detail === null ? '' : `,"detail":${isOneLine(detail) ? detail : JSON.stringify(detail)}`;
	return `{${fields},"subject":${JSON.stringify(subject)}${end}}`;
}

/** JSON.stringify escapes every control character, so a detail of Caisson holds none. */
function isOneLine(text: string): boolean {
	if (text === '') return false;
	for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) < 0x20) return false;
	return true;
}

/** The id that a canonical line begins with; undefined where it is no line of a row. */
export function idOfLine(line: string): number | undefined {
	const digits = /^\{"id":(\d{1,16}),/.exec(line)?.[1];
	const id = Number(digits);
	return digits === undefined || !Number.isSafeInteger(id) || id < 1 ? undefined : id;
}
