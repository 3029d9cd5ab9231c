// docs/tutorial-delta.md from its first command to the last: a server that the page starts, images, the commands in the
// order of the page in one shell, and then the device that the page describes, Debian's own SWUpdate, which must hold the
// new image. Ports that the page names are replaced by free ones.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandsOf } from '../readme/commands.ts';
import { slots } from './delta-updates.ts';
import { type Device, startDevice } from './device.ts';
import { type ImageVersions, imageVersions } from './images.ts';
import { install } from './install.ts';
import { programsMissing } from './programs.ts';
import { type DeviceRoot, prepareRoot, whyNot } from './root.ts';

const repository = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(repository, 'docs', 'tutorial-delta.md'), 'utf8');
const reason = (await whyNot()) ?? (await programsMissing(['rdiff']));

describe('docs/tutorial-delta.md', { skip: reason }, () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-tutorial-'));
	const inherited = Object.entries(process.env).filter(([name]) => !/^(CAISSON_|XDG_|NODE_TEST|NO_COLOR)/.test(name));
	const environment = {
		...{ ...Object.fromEntries(inherited), HOME: folder },
		...{ CAISSON_CLIENT_PORT: '0', CAISSON_MGMT_PORT: '0' },
	};
	let root: DeviceRoot;
	let images: ImageVersions;
	let server: ChildProcess | undefined;
	let southbound: string;

	before(async () => {
		root = await prepareRoot({ suite: process.env.CAISSON_DEVICE_SUITE || 'trixie', note: console.error });
		// Small ones: the page compresses all of it to compare.
		images = imageVersions(root, 4 << 20);
		symlinkSync(join(repository, 'bin'), join(folder, 'bin'));
		writeFileSync(join(folder, 'v1.img'), images.old);
		writeFileSync(join(folder, 'v2.img'), images.new);
	});

	after(async () => {
		if (server?.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit');
		rmSync(folder, { recursive: true, force: true });
	});

	async function serve(text: string): Promise<void> {
		const options = { cwd: folder, env: environment, stdio: 'ignore' } as const;
		server = spawn('bash', ['-c', `exec ${text}`], options);
		const file = join(folder, /--data (\S+)/.exec(text)?.[1] ?? '', 'server.json');
		for (let tries = 0; tries < 600; tries++) {
			const announced = await Promise.resolve()
				.then(() => JSON.parse(readFileSync(file, 'utf8')))
				.catch(() => ({}));
			if (announced.client !== undefined) {
				southbound = announced.client;
				return;
			}
			await sleep(50);
		}
		throw new Error('the server of the page did not come up');
	}

	/** Runs the commands in one shell. @returns what they wrote */
	async function run(commands: readonly string[]): Promise<{ code: number; output: string }> {
		const script = commands.map((text) => text.replaceAll('http://127.0.0.1:8080', southbound)).join('\n');
		const shell = spawn('bash', ['-e', '-u', '-c', script], { cwd: folder, env: environment });
		let output = '';
		for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (text) => (output += text));
		shell.stdin.end();
		const [code] = (await once(shell, 'close')) as [number];
		return { code, output };
	}

	test('its commands work, and the device that it describes ends with the new image', async () => {
		const commands = commandsOf(page).map(({ text }) => text);
		const serves = commands.filter((text) => /^bin\/caisson up\b/.test(text));
		assert.equal(serves.length, 1);
		await serve(serves[0] as string);
		const { code, output } = await run(commands.filter((text) => !serves.includes(text)));
		assert.equal(code, 0, output);
		const certificate = readFileSync(join(folder, 'keys', 'test-certificate.pem'), 'utf8');
		const files = { [slots.a]: images.old, [slots.b]: new Uint8Array(images.new.length) };
		const device = await startDevice({
			...{ root, id: 'gateway-7', server: `${southbound}/api/wfx/v1`, certificate, files },
		});
		try {
			assert.ok(Buffer.from(await newImage(device)).equals(images.new), device.lines.slice(-40).join('\n'));
		} finally {
			await device.stop();
		}
		const update = join(folder, 'v2-rdiff.swu');
		const outcome = await install({ root, update, certificate, files, wanted: [slots.b] });
		assert.equal(outcome.code, 0, outcome.lines.slice(-40).join('\n'));
		assert.ok(Buffer.from(outcome.held[slots.b] ?? []).equals(images.new));
	});

	/** Slot B once the job's end is in the device's log. */
	async function newImage(device: Device): Promise<Uint8Array> {
		await device.waitForLine(/Invoking transition .* CLOSED:(ACTIVATED|TERMINATED)/);
		return (await device.readFile(slots.b)) ?? new Uint8Array();
	}
});
