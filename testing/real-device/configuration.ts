// How a real device is configured: SWUpdate's own file, its certificate, where its boot loader's variables are. Pure:
// values in, files and parameters out. Facts about the options are from SWUpdate 2024.12 (doc/source/suricatta.rst and
// doc/source/swupdate.rst) as Debian builds it: for signed images only, with the wfx module written in Lua.

export interface DeviceConfiguration {
	/** Base of the compatible API, e.g. http://127.0.0.1:8080/api/wfx/v1. */
	readonly server: string;
	/** The device's id, wfx's clientId. */
	readonly id: string;
	/** The certificate, PEM, whose key signs updates for this device. It needs the extended key usage emailProtection. */
	readonly certificate: string;
	/** What it shows to the server, PEM, and the CA of the server's certificate; absent: plain HTTP. */
	readonly tls?: { readonly authority: string; readonly certificate: string; readonly key: string };
	/** Board and revision, as in 'trial-board:1.0'. */
	readonly hardware?: string;
	/** Seconds between two polls; default 1. */
	readonly pollDelay?: number;
	/** How often SWUpdate tries a request or a download again; default 1. */
	readonly retries?: number;
	/**
	 * How often its delta handler asks again for ranges whose connection broke; default 0. SWUpdate 2024.12 asks for the
	 * rest of a multipart answer as if it were the file, so that a retry there can only end in a wrong hash.
	 */
	readonly deltaRetries?: number;
	/** 'none' keeps variables in memory, so they are lost in a reboot; default 'uboot'. */
	readonly bootloader?: 'uboot' | 'none';
	/** Variables of the boot loader at first boot; default ustate=0. */
	readonly environment?: Readonly<Record<string, string>>;
}

/** Bytes of the boot loader's environment. */
export const environmentSize = 0x4000;

export const defaultHardware = 'trial-board:1.0';

const configurationPath = '/etc/swupdate.cfg';
const certificatePath = '/etc/swupdate-certificate.pem';
const tlsPaths = { cafile: '/etc/swupdate-ca.pem', sslcert: '/etc/swupdate-tls.pem', sslkey: '/etc/swupdate-tls.key' };
const environmentMapPath = '/etc/fw_env.config';

/** The device's own files: path and content. */
export function deviceFiles(device: DeviceConfiguration, environmentPath: string): [path: string, content: string][] {
	const bootloader = device.bootloader ?? 'uboot';
	const lines = [
		'globals : {',
		'\tverbose = true;',
		'\tloglevel = 5;',
		`\tbootloader = ${quoted(bootloader)};`,
		`\tfwenv-config-location = ${quoted(environmentMapPath)};`,
		// From 2025.12 on SWUpdate chooses among several verifiers, and Debian's takes a bare RSA key by default.
		'\tdigest-provider = "opensslCMS";',
		'};',
		'suricatta : {',
		`\turl = ${quoted(device.server)};`,
		`\tid = ${quoted(device.id)};`,
		`\tpolldelay = ${whole(device.pollDelay ?? 1)};`,
		'\tyieldtime = 1;',
		`\tretry = ${whole(device.retries ?? 1)};`,
		'\tretrywait = 1;',
		...(device.tls === undefined ? [] : Object.entries(tlsPaths).map(([name, path]) => `\t${name} = ${quoted(path)};`)),
		'};',
		'identify : ();',
		`delta : { retry = ${whole(device.deltaRetries ?? 0)}; retrywait = 1; };`,
	];
	return [
		[configurationPath, `${lines.join('\n')}\n`],
		[certificatePath, device.certificate],
		...tlsFiles(device),
		// File, offset, size: libubootenv's fw_env.config.
		[environmentMapPath, `${environmentPath} 0x0 0x${environmentSize.toString(16)}\n`],
	];
}

function tlsFiles({ tls }: DeviceConfiguration): [path: string, content: string][] {
	if (tls === undefined) return [];
	return [
		[tlsPaths.cafile, tls.authority],
		[tlsPaths.sslcert, tls.certificate],
		[tlsPaths.sslkey, tls.key],
	];
}

/** The parameters of swupdate: its file, the certificate it trusts, the board, the wfx module. */
export function swupdateParameters(device: DeviceConfiguration): string[] {
	return [...commonParameters(device), '-u', '-S lua'];
}

/** The parameters of swupdate for one local update, after which it ends. */
export function installParameters(device: DeviceConfiguration, file: string): string[] {
	return [...commonParameters(device), '-i', file];
}

function commonParameters({ hardware }: DeviceConfiguration): string[] {
	return ['-f', configurationPath, '-k', certificatePath, '-H', hardware ?? defaultHardware];
}

/** A string of libconfig, SWUpdate's configuration language. */
function quoted(text: string): string {
	if (/["\\\n]/.test(text)) throw new Error(`cannot stand in SWUpdate's configuration: ${JSON.stringify(text)}`);
	return `"${text}"`;
}

function whole(value: number): string {
	if (!Number.isInteger(value) || value < 0) throw new Error(`not a whole number: ${value}`);
	return String(value);
}
