// `caisson director …`: sets up and serves the director, and says what each device shall run. Commands on devices and
// orders speak to the process that serves, over the socket in its data directory. It leaves out what they do there.

import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import { duration, list, wholeNumber, withExamples, withFormat } from '../../terminal/command-help.ts';
import { readInput } from '../../terminal/input-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { StoredDevice, StoredManifest } from '../director-store.ts';
import type { Order } from '../rules/director/orders.ts';
import { collected } from './key-options.ts';

export interface DirectorSetup {
	readonly dir: string;
	readonly rootKey: readonly string[];
	readonly threshold: number;
	/** Any root of the image repository: its keys may not be keys of the director, and its trust begins there. */
	readonly imageRoot: string;
	readonly passphraseFile?: string;
	/** Milliseconds. */
	readonly rootLifetime: number;
}

export interface DirectorService {
	readonly dir: string;
	readonly listen: string;
	readonly tlsCertificate?: string;
	readonly tlsKey?: string;
	/** Milliseconds. */
	readonly lifetime: number;
}

/** What the commands need of the world: programs/director. */
export interface DirectorWorld {
	/** @returns the file of the root that devices begin with */
	initialise(setup: DirectorSetup, note: (line: string) => void): Promise<{ readonly root: string }>;
	/** Serves until the signal aborts. */
	serve(service: DirectorService, terminal: Terminal): Promise<void>;
	/** @throws CaissonError server-unreachable, and what the director answers */
	ask(dir: string, method: string, path: string, body?: unknown): Promise<unknown>;
	/** The entry of a target, verified against the image repository, its bytes too. @throws CaissonError trust-refused */
	lookUp(dir: string, metadataUrl: string, targetUrl: string, path: string): Promise<Omit<Order, 'component'>>;
}

type Format = 'text' | 'json';
interface Words {
	readonly dir: string;
	readonly format: Format;
}

export function directorCommands(terminal: Terminal, world: DirectorWorld): Command {
	const director = new Command('director')
		.description('Say, signed, what each device shall run: the second repository of Uptane, with keys of its own.')
		.addCommand(initCommand(terminal, world))
		.addCommand(serveCommand(terminal, world))
		.addCommand(deviceCommand(terminal, world))
		.addCommand(orderCommand(terminal, world))
		.addCommand(manifestCommand(terminal, world));
	return withExamples(director, [
		[
			'caisson director init --dir director --root-key root.pem \\\n--image-root image-root.json',
			'Make the keys and the root of a director',
		],
		['caisson director serve --dir director --listen 127.0.0.1:8090', 'Serve devices'],
	]);
}

const withDir = (command: Command) =>
	withFormat(command.requiredOption('--dir <dir>', 'data directory of the director'));

function initCommand(terminal: Terminal, world: DirectorWorld): Command {
	return withDir(new Command('init'))
		.summary('make the data directory, the online keys and the root')
		.description(
			'Make a new director: three online keys of its own, and a root that the root keys sign. Root keys stay with people: ' +
				'they are used once here and not kept. A key of the image repository is refused.',
		)
		.requiredOption('--root-key <file>', 'private key of the root, a file or a PKCS#11 URI; repeatable', collected)
		.option('--threshold <n>', 'how many root keys must sign (default: all)', wholeNumber(1, 100))
		.requiredOption('--image-root <file>', 'a root of the image repository')
		.option('--passphrase-file <file>', 'file (0600) with the passphrase of the root keys')
		.option('--root-lifetime <duration>', 'how long the root is valid', duration, 365 * 86_400_000)
		.action(async (words: Words & Omit<DirectorSetup, 'threshold'> & { readonly threshold?: number }) => {
			const setup = { ...words, threshold: words.threshold ?? words.rootKey.length };
			const { root } = await world.initialise(setup, (line) => terminal.note(line));
			if (words.format === 'json') terminal.json({ root });
			else terminal.print(`The director is ready. Devices begin with ${root}.`);
			terminal.note(`Next: caisson director serve --dir ${words.dir} --listen 127.0.0.1:8090`);
		});
}

function serveCommand(terminal: Terminal, world: DirectorWorld): Command {
	return new Command('serve')
		.summary('serve devices until Ctrl-C or SIGTERM')
		.description(
			'Serve metadata to devices and take their manifests; operators come by the socket in the data directory.',
		)
		.requiredOption('--dir <dir>', 'data directory of the director')
		.requiredOption('--listen <address>', 'HOST:PORT for devices; port 0 takes a free one')
		.option('--tls-certificate <file>', 'PEM of the certificate; with it the port speaks TLS')
		.option('--tls-key <file>', 'PEM of its private key')
		.option('--lifetime <duration>', 'how long what a device gets is valid', duration, 86_400_000)
		.action(async (service: DirectorService) => world.serve(service, terminal));
}

function deviceCommand(terminal: Terminal, world: DirectorWorld): Command {
	const device = new Command('device')
		.summary('register and look at devices')
		.description('Devices and their components.');
	device.addCommand(
		withDir(new Command('add'))
			.summary('register a device')
			.description('Register a device, or with --replace one that was set up anew: its orders end then.')
			.argument('<inventory.json>', 'components, hardware and public keys; - reads stdin')
			.option('--replace', 'replace what is registered')
			.action(async (file: string, { dir, replace, format }: Words & { readonly replace?: boolean }) => {
				const inventory = parsed(file, await readInput(terminal, file, 1 << 20)) as { readonly device?: unknown };
				const name = encodeURIComponent(String(inventory.device));
				const [method, path] = replace ? ['PUT', `/devices/${name}`] : ['POST', '/devices'];
				const added = await world.ask(dir, method as string, path as string, inventory);
				if (format === 'json') terminal.json(added);
				else terminal.print(`Registered ${String(inventory.device)}.`);
				terminal.note(
					`Next: caisson director order set ${String(inventory.device)} --dir ${dir} --component C --target PATH …`,
				);
			}),
	);
	device.addCommand(
		withDir(new Command('list'))
			.summary('list devices')
			.description('List the devices.')
			.action(async ({ dir, format }: Words) => {
				const devices = (await world.ask(dir, 'GET', '/devices')) as readonly StoredDevice[];
				if (format === 'json') return terminal.json(devices);
				terminal.table(devices, [
					{ title: 'DEVICE', value: ({ inventory }) => inventory.device },
					{ title: 'COMPONENTS', value: ({ inventory }) => String(inventory.components.length), align: 'right' },
					{ title: 'ORDERS', value: ({ orders }) => String(orders.length), align: 'right' },
				]);
			}),
	);
	device.addCommand(
		withDir(new Command('show'))
			.summary('show the components of a device')
			.description('Show the components of a device.')
			.argument('<device>', 'name of the device')
			.action(async (name: string, { dir, format }: Words) => {
				const device = (await world.ask(dir, 'GET', path(name))) as StoredDevice;
				if (format === 'json') return terminal.json(device);
				terminal.table(device.inventory.components, [
					{ title: 'COMPONENT', value: ({ id }) => id },
					{ title: 'HARDWARE', value: ({ hardware }) => hardware },
					{ title: 'PRIMARY', value: ({ primary }) => (primary ? 'yes' : '') },
					{ title: 'ORDERED', value: ({ id }) => device.orders.find((one) => one.component === id)?.path ?? '' },
				]);
			}),
	);
	return device;
}

interface OrderWords extends Words {
	readonly component: string;
	readonly target: string;
	readonly length?: number;
	readonly sha256?: string;
	readonly hardware?: readonly string[];
	readonly releaseCounter?: number;
	readonly fromImageRepository?: string;
	readonly targetUrl?: string;
}

function orderCommand(terminal: Terminal, world: DirectorWorld): Command {
	const order = new Command('order')
		.summary('say what a device shall run')
		.description('Orders for components of devices.');
	order.addCommand(
		withDir(new Command('set'))
			.summary('order something for a component')
			.description(
				'Order a target for a component. With --from-image-repository its length, hashes, hardware and release counter ' +
					'are taken from the image repository, verified as a device does; else they are given by hand.',
			)
			.argument('<device>', 'name of the device')
			.requiredOption('--component <id>', 'the component')
			.requiredOption('--target <path>', 'name of the target in the image repository')
			.option('--from-image-repository <url>', 'where the image repository’s timestamp.json lies')
			.option('--target-url <url>', 'where its targets lie (default: URL/targets)')
			.option('--length <bytes>', 'length', wholeNumber(0, Number.MAX_SAFE_INTEGER))
			.option('--sha256 <hex>', 'SHA-256')
			.option('--hardware <ids>', 'hardware that it is made for', list)
			.option('--release-counter <n>', 'release counter', wholeNumber(0, Number.MAX_SAFE_INTEGER))
			.action(async (device: string, words: OrderWords) => {
				const entry = await orderEntry(world, words);
				const orders = await world.ask(words.dir, 'PUT', `${path(device)}/orders`, {
					...entry,
					component: words.component,
				});
				showOrders(terminal, orders as readonly Order[], words.format);
			}),
	);
	order.addCommand(
		withDir(new Command('show'))
			.summary('show the orders of a device')
			.description('Show the orders of a device.')
			.argument('<device>', 'name of the device')
			.action(async (device: string, { dir, format }: Words) => {
				showOrders(terminal, ((await world.ask(dir, 'GET', path(device))) as StoredDevice).orders, format);
			}),
	);
	order.addCommand(
		withDir(new Command('clear'))
			.summary('withdraw orders')
			.description('Withdraw the order of a component, or all of a device. What is installed stays.')
			.argument('<device>', 'name of the device')
			.option('--component <id>', 'only this component')
			.action(async (device: string, { dir, component, format }: Words & { readonly component?: string }) => {
				const which = component === undefined ? '' : `/${encodeURIComponent(component)}`;
				const orders = await world.ask(dir, 'DELETE', `${path(device)}/orders${which}`);
				showOrders(terminal, orders as readonly Order[], format);
			}),
	);
	return order;
}

async function orderEntry(world: DirectorWorld, words: OrderWords): Promise<Omit<Order, 'component'>> {
	const { fromImageRepository: url, target: path, length, sha256, hardware, releaseCounter } = words;
	if (url !== undefined) {
		return world.lookUp(words.dir, url, words.targetUrl ?? `${url.replace(/\/$/, '')}/targets`, path);
	}
	if (length === undefined || sha256 === undefined || hardware === undefined || releaseCounter === undefined) {
		throw new CaissonError(
			'usage-wrong',
			'Give --from-image-repository, or all of --length, --sha256, --hardware and --release-counter.',
		);
	}
	return { path, length, hashes: { sha256 }, hardwareIds: hardware, releaseCounter };
}

function showOrders(terminal: Terminal, orders: readonly Order[], format: Format): void {
	if (format === 'json') {
		terminal.json(orders);
		return;
	}
	terminal.table(orders, [
		{ title: 'COMPONENT', value: ({ component }) => component },
		{ title: 'TARGET', value: ({ path }) => path },
		{ title: 'COUNTER', value: ({ releaseCounter }) => String(releaseCounter), align: 'right' },
		{ title: 'BYTES', value: ({ length }) => String(length), align: 'right' },
	]);
}

function manifestCommand(terminal: Terminal, world: DirectorWorld): Command {
	const manifest = new Command('manifest').summary('read what devices report').description('Manifests of devices.');
	return manifest.addCommand(
		withDir(new Command('list'))
			.summary('list the manifests of a device')
			.description('List the manifests of a device, newest first, those that were dropped too, and why.')
			.argument('<device>', 'name of the device')
			.action(async (device: string, { dir, format }: Words) => {
				const found = (await world.ask(dir, 'GET', `${path(device)}/manifests`)) as readonly StoredManifest[];
				if (format === 'json') return terminal.json(found);
				terminal.table(found, [
					{ title: 'RECEIVED', value: ({ received }) => new Date(received).toISOString() },
					{ title: 'RESULT', value: ({ findings }) => (findings.length === 0 ? 'accepted' : 'dropped') },
					{ title: 'SAYS', value: said },
				]);
			}),
	);
}

/** Of a dropped manifest why; of an accepted one what is installed, and the last attack. */
function said({ findings, body }: StoredManifest): string {
	if (findings.length > 0) return findings.map(({ code, component }) => `${code} ${component ?? ''}`.trim()).join(', ');
	const { reports } = JSON.parse(body).signed as { reports: Record<string, { signed: Reported }> };
	return Object.values(reports)
		.map(({ signed: { component, installed, attack } }) => {
			return `${component}: ${installed?.path ?? 'nothing'}${attack === null ? '' : ` (${attack.code})`}`;
		})
		.join(', ');
}

interface Reported {
	readonly component: string;
	readonly installed: { readonly path: string } | null;
	readonly attack: { readonly code: string } | null;
}

const path = (device: string) => `/devices/${encodeURIComponent(device)}`;

function parsed(file: string, text: string): unknown {
	try {
		const value: unknown = JSON.parse(text);
		if (typeof value === 'object' && value !== null) return value;
	} catch {
		// Said below.
	}
	throw new CaissonError('director-inventory-refused', `${file} is no JSON object.`);
}
