// Which sockets a configuration asks for, with host names resolved, and under which names the northbound port may be
// addressed. It leaves out opening them (listeners.ts).

import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CaissonError } from '../../src/errors.ts';
import type { Configuration } from './configuration.ts';
import type { ListenerPlan, Port } from './listeners.ts';
import type { OptionName } from './options.ts';
import type { ActivatedSocket } from './systemd.ts';

const optionNames = {
	southbound: 'client',
	northbound: 'mgmt',
} as const satisfies Record<Port, string>;

/**
 * The sockets to open. Those that systemd opened replace what the options say: it decides then who may connect.
 * @throws CaissonError configuration-invalid where a host name means nothing on this machine
 */
export async function planListeners(
	configuration: Configuration,
	dataDirectory: string,
	activated: readonly ActivatedSocket[],
): Promise<ListenerPlan[]> {
	const mtls = configuration.values['southbound-auth'] === 'mtls';
	if (activated.length > 0) {
		if (mtls) refusePlain(activated);
		return activated.map(({ fd, port, tls }) => ({
			port,
			scheme: tls ? 'https' : 'http',
			named: `socket ${fd} from systemd (${optionNames[port]})`,
			at: { fd },
		}));
	}
	const plans: Promise<ListenerPlan>[] = [];
	for (const scheme of configuration.values.scheme) {
		for (const port of ['southbound', 'northbound'] as const) {
			// Only TLS shows a certificate.
			if (mtls && port === 'southbound' && scheme !== 'https') continue;
			plans.push(
				scheme === 'unix' ? unixPlan(configuration, port, dataDirectory) : tcpPlan(configuration, port, scheme),
			);
		}
	}
	return Promise.all(plans);
}

function refusePlain(activated: readonly ActivatedSocket[]): void {
	const plain = activated.find(({ port, tls }) => port === 'southbound' && !tls);
	if (plain === undefined) return;
	const message = `socket ${plain.fd} from systemd is for devices without TLS, and southbound-auth is mtls`;
	throw new CaissonError('configuration-invalid', message);
}

async function unixPlan({ values, origin }: Configuration, port: Port, dataDirectory: string): Promise<ListenerPlan> {
	const option = `${optionNames[port]}-unix-socket` as const;
	const path = values[option] ?? join(dataDirectory, `${optionNames[port]}.sock`);
	return { port, scheme: 'unix', named: `${option} ${path} (${origin(option)})`, at: { path } };
}

async function tcpPlan({ values, origin }: Configuration, port: Port, scheme: 'http' | 'https'): Promise<ListenerPlan> {
	const prefix = scheme === 'https' ? (`${optionNames[port]}-tls` as const) : optionNames[port];
	const hostOption = `${prefix}-host` as const satisfies OptionName;
	const portOption = `${prefix}-port` as const satisfies OptionName;
	const tcpPort = values[portOption];
	const named = `${hostOption} ${values[hostOption]} (${origin(hostOption)}), ${portOption} ${tcpPort} (${origin(portOption)})`;
	return { port, scheme, named, at: { address: await resolveHost(values[hostOption], named), tcpPort } };
}

/** The address is what is judged and what is opened, so a name cannot mean two things. */
async function resolveHost(host: string, named: string): Promise<string> {
	try {
		return (await lookup(host)).address;
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		throw new CaissonError('configuration-invalid', `${named}: the host name is not known here (${code})`, { cause });
	}
}

/** Names, beside addresses of this machine, by which a request may call the northbound port in its Host header. */
export function northboundNames({ values }: Configuration): ReadonlySet<string> {
	const named = [values['mgmt-host'], values['mgmt-tls-host'], ...values['mgmt-name'], 'localhost', hostname()];
	return new Set(named.map((name) => name.toLowerCase()));
}
