// Reads a log of strace and judges whether each answer to a change came after the change was synced to disk. Pure: the
// text of the log in, findings out. It is made for one client that sends one change after the other, so that each
// answer belongs to the write to the log before it.

/** What strace is to record: `strace -f -y -s 64 -e trace=… -o FILE`. */
export const tracedCalls = 'pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync';

/** In the order in which the calls ended. */
export type TracedCall =
	| { readonly kind: 'log-written' }
	| { readonly kind: 'log-synced' }
	| { readonly kind: 'answered'; readonly status: number };

/**
 * The calls that matter. A call that other threads' calls interrupt stands in two lines of strace's log, `<unfinished
 * ...>` and `resumed`; it counts where it ends.
 */
export function readTrace(text: string): TracedCall[] {
	const calls: TracedCall[] = [];
	const unfinished = new Map<string, string>();
	for (const line of text.split('\n')) {
		const parts = /^(\d+)\s+(.*)$/.exec(line);
		if (parts === null) continue;
		const [, thread = '', rest = ''] = parts;
		const begun = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
		if (begun !== undefined) {
			unfinished.set(thread, begun);
			continue;
		}
		const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
		const call = resumed === undefined ? rest : (unfinished.get(thread) ?? '') + resumed;
		const traced = readCall(call);
		if (traced !== undefined) calls.push(traced);
	}
	return calls;
}

function readCall(call: string): TracedCall | undefined {
	// A call that failed did nothing that counts.
	const done = / = (-?\d+)/.exec(call.slice(call.lastIndexOf(')')))?.[1];
	if (done === undefined || Number(done) < 0) return undefined;
	const onLog = /^(\w+)\(\d+<[^>]*\.db-wal>/.exec(call)?.[1];
	if (onLog === 'fdatasync' || onLog === 'fsync') return { kind: 'log-synced' };
	if (onLog !== undefined) return { kind: 'log-written' };
	const status = /^(?:write|writev|sendto|sendmsg)\(\d+<(?:socket|TCP)[^"]*"HTTP\/1\.1 (\d{3})/.exec(call)?.[1];
	return status === undefined ? undefined : { kind: 'answered', status: Number(status) };
}

/** @returns what is wrong, and how many answers were judged: those with status 200 or 201. */
export function judgeTrace(calls: readonly TracedCall[]): { findings: string[]; answers: number } {
	const findings: string[] = [];
	let answers = 0;
	let written = false;
	let synced = false;
	for (const call of calls) {
		if (call.kind === 'log-written') {
			written = true;
			synced = false;
		} else if (call.kind === 'log-synced') {
			synced = written;
		} else if (call.status === 200 || call.status === 201) {
			answers++;
			if (!written) findings.push(`answer ${answers} was sent although nothing was written before it`);
			else if (!synced) findings.push(`answer ${answers} was sent before the log was synced`);
			written = false;
			synced = false;
		}
	}
	return { findings, answers };
}
