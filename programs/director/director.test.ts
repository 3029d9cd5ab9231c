// The director as a process and its commands, beside a device that takes its orders: the whole way from an order to a
// manifest, and what a kill leaves.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { type CaissonError, meaningOf } from '../../src/errors.ts';
import { trustKeys } from '../../src/outside/signer/trust-keys.ts';
import { recordingTerminal } from '../../src/terminal/recording-terminal.ts';
import { addOrderCommands } from '../../src/trust/commands/client-orders.ts';
import { directorCommands } from '../../src/trust/commands/director.ts';
import { TufRepository } from '../../testing/tuf-repository/repository.ts';
import { type FileServer, startFileServer } from '../../testing/tuf-repository/server.ts';
import { ordersWorld } from '../cli/trust-orders.ts';
import { directorWorld } from './world.ts';

const program = new URL('../cli.ts', import.meta.url).pathname;

class DirectorTrial {
	readonly folder: string;
	readonly image: TufRepository;
	readonly server: FileServer;
	url = '';
	#process: ChildProcess | undefined;

	private constructor(folder: string, image: TufRepository, server: FileServer) {
		this.folder = folder;
		this.image = image;
		this.server = server;
	}

	/** A director that was initialised, an image repository with one release, and a device's key. */
	static async make(): Promise<DirectorTrial> {
		const folder = await mkdtemp(join(tmpdir(), 'caisson-director-'));
		const image = new TufRepository();
		image.addTarget('targets', 'releases/7.swu', 'seven', { hardware_ids: ['board-a'], release_counter: 7 });
		image.publish();
		const trial = new DirectorTrial(folder, image, await startFileServer(image.source));
		await writeFile(trial.at('image-root.json'), image.firstRoot);
		for (const name of ['root-a', 'root-b', 'device']) {
			const { privateKey } = generateKeyPairSync('ed25519');
			const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
			await writeFile(trial.at(`${name}.pem`), pem, { mode: 0o600 });
		}
		const rootKeys = ['--root-key', trial.at('root-a.pem'), '--root-key', trial.at('root-b.pem')];
		await trial.director('init', ...rootKeys, '--image-root', trial.at('image-root.json'));
		return trial;
	}

	at(name: string): string {
		return join(this.folder, name);
	}

	async director(...words: readonly string[]): Promise<string> {
		const terminal = recordingTerminal();
		const command = directorCommands(terminal, directorWorld);
		await command.parseAsync([...words, '--dir', this.at('director')], { from: 'user' });
		return terminal.stdoutText;
	}

	async device(...words: readonly string[]): Promise<string> {
		const terminal = recordingTerminal();
		const command = addOrderCommands(new Command('client'), terminal, ordersWorld);
		await command.parseAsync([...words, '--state', this.at('state')], { from: 'user' });
		return terminal.stdoutText;
	}

	async verify(...words: readonly string[]): Promise<string> {
		const urls = ['--image-url', `${this.server.url}/metadata`, '--target-url', `${this.server.url}/targets`];
		return this.device('verify', ...this.who(), ...urls, '--out', this.at('updates'), ...words);
	}

	who(): readonly string[] {
		return ['--identity', this.at('identity.json'), '--director-url', this.url];
	}

	/** Registers the device, and gives it its identity and its trust. */
	async register(): Promise<void> {
		const { key } = await trustKeys.open({ key: this.at('device.pem') });
		const component = { id: 'main', hardware: 'board-a', primary: true };
		await writeFile(
			this.at('inventory.json'),
			JSON.stringify({ device: 'pump-7', components: [{ ...component, key }] }),
		);
		await this.director('device', 'add', this.at('inventory.json'));
		const secrets = { key: this.at('device.pem') };
		await writeFile(
			this.at('identity.json'),
			JSON.stringify({ device: 'pump-7', components: [{ ...component, ...secrets }] }),
		);
		const roots = ['--director-root', this.at('director/1.root.json'), '--image-root', this.at('image-root.json')];
		await this.device('init-director', ...roots);
	}

	async orderRelease(): Promise<string> {
		const from = [
			'--from-image-repository',
			`${this.server.url}/metadata`,
			'--target-url',
			`${this.server.url}/targets`,
		];
		return this.director('order', 'set', 'pump-7', '--component', 'main', '--target', 'releases/7.swu', ...from);
	}

	async serve(): Promise<void> {
		const words = ['director', 'serve', '--dir', this.at('director'), '--listen', '127.0.0.1:0'];
		const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...words]);
		this.#process = child;
		this.url = await new Promise<string>((resolve, reject) => {
			let text = '';
			for (const stream of [child.stdout, child.stderr]) {
				stream.on('data', (chunk) => {
					text += String(chunk);
					const found = /Devices: (\S+)\/DEVICE/.exec(text)?.[1];
					if (found !== undefined) resolve(found);
				});
			}
			child.once('exit', () => reject(new Error(text)));
		});
	}

	/** Ends the process by this signal. */
	async end(signal: NodeJS.Signals): Promise<number | null> {
		const child = this.#process;
		this.#process = undefined;
		if (child === undefined) return null;
		const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
		child.kill(signal);
		return ended;
	}

	async remove(): Promise<void> {
		await this.end('SIGKILL');
		await this.server.close();
		await rm(this.folder, { recursive: true, force: true });
	}
}

async function withTrial(use: (trial: DirectorTrial) => Promise<void>): Promise<void> {
	const trial = await DirectorTrial.make();
	try {
		await use(trial);
	} finally {
		await trial.remove();
	}
}

const failsWith = (code: string, work: Promise<unknown>) =>
	assert.rejects(work, (error: Error) => {
		assert.equal(meaningOf(error).code, code, error.message);
		return true;
	});

test('an order goes from the command line to the device, and the manifest comes back', () =>
	withTrial(async (trial) => {
		await trial.serve();
		await trial.register();
		assert.match(await trial.orderRelease(), /main +releases\/7\.swu +7 +5/);
		assert.match(await trial.verify('--report'), /main +releases\/7\.swu +.*updates\/releases\/7\.swu/);
		assert.equal(await readFile(trial.at('updates/releases/7.swu'), 'utf8'), 'seven');
		await trial.device('installed', 'main');
		await trial.device('report', ...trial.who());
		assert.match(await trial.verify(), /main +as ordered/);
		const manifests = await trial.director('manifest', 'list', 'pump-7');
		assert.match(manifests, /accepted +main: releases\/7\.swu\n.*accepted +main: nothing\n/);
		assert.match(await trial.director('device', 'show', 'pump-7'), /main +board-a +yes +releases\/7\.swu/);
		await trial.director('order', 'clear', 'pump-7');
		assert.doesNotMatch(await trial.verify(), /releases/);
		assert.equal(await trial.end('SIGTERM'), 0);
	}));

test('after kill -9 the director goes on with higher versions, and a replayed manifest is dropped and listed', () =>
	withTrial(async (trial) => {
		await trial.serve();
		await trial.register();
		await trial.orderRelease();
		await trial.verify('--report');
		const manifest = JSON.parse(await trial.director('manifest', 'list', 'pump-7', '--format', 'json'))[0].body;
		const version = async () =>
			JSON.parse(await (await fetch(`${trial.url}/pump-7/timestamp.json`)).text()).signed.version;
		const before = await version();
		await trial.end('SIGKILL');
		await trial.serve();
		assert.equal(await version(), before);
		await trial.orderRelease();
		assert.equal(await version(), before + 1);
		await trial.verify();
		const answer = await fetch(`${trial.url}/pump-7/manifest`, { method: 'POST', body: manifest });
		assert.equal(answer.status, 400);
		const { accepted, findings } = JSON.parse(await answer.text());
		const codes = findings.map(({ code }: { code: string }) => code);
		assert.deepEqual([accepted, codes], [false, ['nonce-used', 'counter-not-new']]);
		const listed = await trial.director('manifest', 'list', 'pump-7');
		assert.match(listed, /dropped +nonce-used, counter-not-new/);
		await failsWith('data-directory-refused', trial.director('serve', '--listen', '127.0.0.1:0'));
	}));

test('a device and an order that break a rule are refused, and devices reach nothing of the operators', () =>
	withTrial(async (trial) => {
		await trial.serve();
		await trial.register();
		await failsWith('director-device-exists', trial.director('device', 'add', trial.at('inventory.json')));
		await failsWith('director-device-unknown', trial.director('device', 'show', 'pump-8'));
		const by = ['--target', 'x', '--length', '1', '--sha256', '0'.repeat(64), '--release-counter', '1'];
		const order = (component: string, hardware: string) =>
			trial.director('order', 'set', 'pump-7', '--component', component, '--hardware', hardware, ...by);
		await failsWith('director-order-refused', order('main', 'board-b'));
		await failsWith('director-order-refused', order('radio', 'board-a'));
		await order('main', 'board-a');
		// The director orders what the image repository does not have: the device refuses.
		await assert.rejects(trial.verify('--report'), (error: CaissonError) => /^not-genuine: /.test(error.message));
		assert.match(await trial.director('manifest', 'list', 'pump-7'), /accepted +main: nothing \(not-genuine\)/);
		const unknown = trial.director(
			'order',
			'set',
			'pump-7',
			'--component',
			'main',
			'--target',
			'evil.swu',
			'--from-image-repository',
			`${trial.server.url}/metadata`,
			'--target-url',
			`${trial.server.url}/targets`,
		);
		await failsWith('trust-refused', unknown);
		const { origin } = new URL(trial.url);
		for (const path of ['/devices', '/devices/pump-7', '/director/pump-7/../../devices', '/director/%2e%2e/devices']) {
			assert.equal((await fetch(origin + path)).status, 404, path);
		}
		assert.equal((await fetch(`${trial.url}/pump-8/timestamp.json`)).status, 404);
		assert.equal((await fetch(`${trial.url}/pump-8/manifest`, { method: 'POST', body: '{}' })).status, 404);
		assert.equal((await fetch(`${trial.url}/pump-7/manifest`, { method: 'POST', body: '{}' })).status, 400);
		const long = { method: 'POST', body: 'x'.repeat(2_000_000) };
		assert.notEqual((await fetch(`${trial.url}/pump-7/manifest`, long).catch(() => undefined))?.status, 200);
	}));

test('a key of the image repository is refused, and so are a second init and a folder without a director', () =>
	withTrial(async (trial) => {
		const init = (dir: string, imageRoot: string) => {
			const words = ['init', '--root-key', trial.at('root-a.pem')];
			const command = directorCommands(recordingTerminal(), directorWorld);
			return command.parseAsync([...words, '--image-root', imageRoot, '--dir', trial.at(dir)], { from: 'user' });
		};
		// The director’s own root as that of an image repository: the same root key.
		await mkdir(trial.at('other'), { mode: 0o700 });
		await failsWith('director-key-shared', init('other', trial.at('director/1.root.json')));
		await failsWith('director-not-ready', init('director', trial.at('image-root.json')));
		const serve = directorWorld.serve(
			{ dir: trial.at('other'), listen: '127.0.0.1:0', lifetime: 1000 },
			recordingTerminal(),
		);
		await failsWith('director-not-ready', serve);
	}));
