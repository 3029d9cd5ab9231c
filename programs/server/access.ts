// What becomes of a denied northbound request: a measurement, a line in the log, and an audit row, as far as the limit
// on rows allows. It leaves out the decision to deny (src/web/authentication.ts).

import type { Logger } from 'pino';
import { countDenial, type DenialWindow, noDenials } from '../../src/access/rules.ts';
import type { Storage } from '../../src/storage/store.ts';
import type { AccessDenial, DeniedRequest } from '../../src/web/authentication.ts';

const longestPath = 200;

/** Records denials. The requests are not held up by it, and a row that cannot be written is only logged. */
export function recordDenials(
	storage: Pick<Storage, 'commit'>,
	log: Logger,
	now: () => number,
): (denial: AccessDenial, request: DeniedRequest) => void {
	let window: DenialWindow = noDenials;
	return ({ reason }, { method, path, remoteAddress }) => {
		const time = now();
		const counted = countDenial(window, time);
		window = counted.window;
		if (!counted.write) return;
		const detail = {
			reason,
			method,
			...(remoteAddress === undefined ? {} : { remoteAddress }),
			...(counted.unwritten > 0 ? { unwrittenBefore: counted.unwritten } : {}),
		};
		const subject = path.slice(0, longestPath);
		log.warn({ ...detail, path: subject }, 'northbound request denied');
		const row = { time, actor: 'anonymous', action: 'access.denied', subject, detail };
		storage
			.commit(({ audit }) => audit.append(row))
			.catch((error: unknown) => log.error({ err: error }, 'the audit row of a denied request was not written'));
	};
}
