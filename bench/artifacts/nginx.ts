// nginx from Debian as a static file server: its own configuration and folder, a free port, one worker, as Caisson is one
// process. It is run in the foreground and ended with the benchmark.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const nginxProgram = '/usr/sbin/nginx';
export const nginxMissing = `${nginxProgram} is not there: apt-get install nginx-light`;

export function nginxThere(): boolean {
	return existsSync(nginxProgram);
}

export interface Nginx {
	readonly port: number;
	/** The master and its worker. */
	readonly pids: readonly number[];
	readonly version: string;
	stop(): Promise<void>;
}

/** @param folder empty, for its own files @param root the folder that it serves */
export async function startNginx(folder: string, root: string): Promise<Nginx> {
	mkdirSync(folder, { recursive: true });
	const port = await freePort();
	const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder};`);
	// As root its worker would become another user, who cannot read the folder.
	const user = process.getuid?.() === 0 ? 'user root;' : '';
	const configuration = `
${user} daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log; worker_processes 1;
events { worker_connections 1024; }
http {
	access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; max_ranges 2000;
	types { } default_type application/octet-stream;
	${temporary.join(' ')}
	server { listen 127.0.0.1:${port}; root ${root}; }
}
`;
	const file = join(folder, 'nginx.conf');
	writeFileSync(file, configuration);
	const child = spawn(nginxProgram, ['-p', folder, '-c', file], { stdio: 'ignore' });
	await listening(port, child);
	const master = child.pid ?? 0;
	const children = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ').map(Number);
	return {
		port,
		pids: [master, ...children],
		version: await versionOf(),
		stop: async () => {
			const gone = once(child, 'close');
			child.kill('SIGTERM');
			await gone;
		},
	};
}

async function versionOf(): Promise<string> {
	const child = spawn(nginxProgram, ['-v']);
	let text = '';
	child.stderr.on('data', (bytes) => {
		text += bytes;
	});
	await once(child, 'close');
	return text.trim().replace('nginx version: ', '');
}

async function freePort(): Promise<number> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as { port: number };
	server.close();
	await once(server, 'close');
	return port;
}

async function listening(port: number, child: ChildProcess): Promise<void> {
	for (let attempt = 0; attempt < 200; attempt++) {
		if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}; see its error.log`);
		const socket = connect(port, '127.0.0.1');
		const open = await Promise.race([
			once(socket, 'connect').then(() => true),
			once(socket, 'error').then(() => false),
		]).catch(() => false);
		socket.destroy();
		if (open) return;
		await sleep(25);
	}
	throw new Error('nginx does not listen');
}
