// /download/: the files of one folder, as wfx's --simple-fileserver serves them. Nothing outside the folder can be
// named, also not through a symbolic link; folders are listed as Go's file server does.

import { constants } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { escapeHtml, send } from './api.ts';
import { sendFile } from './file-reply.ts';
import { textReply } from './problem.ts';

/** The types of what is downloaded here; everything else is bytes. */
const contentTypes: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.json': 'application/json',
	'.txt': 'text/plain; charset=utf-8',
	'.xml': 'text/xml; charset=utf-8',
	'.yaml': 'text/plain; charset=utf-8',
	'.yml': 'text/plain; charset=utf-8',
};

/** @param folder the folder to serve, asked for at each request (it can be changed while the server runs) */
export function serveDownloads(app: FastifyInstance, folder: () => string | undefined): void {
	app.route({
		method: ['GET', 'HEAD'],
		url: '/download/*',
		handler: async (request, reply) => {
			const root = folder();
			if (root === undefined) {
				const message = 'path /download is not served as simple file server is not enabled';
				return send(reply, { ...textReply(404, ''), headers: {}, body: JSON.stringify({ code: 404, message }) });
			}
			return serve(root, request, reply);
		},
	});
}

async function serve(folder: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
	const notFound = () => send(reply, textReply(404, '404 page not found'));
	const name = (request.params as { '*': string })['*'];
	if (name.includes('\0') || name.split('/').includes('..')) return notFound();
	try {
		const root = await realpath(folder);
		const path = await realpath(join(root, name));
		if (path !== root && !path.startsWith(root + sep)) return notFound();
		const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
		const facts = await handle.stat();
		if (facts.isDirectory()) {
			await handle.close();
			return listing(path, request, reply);
		}
		if (!facts.isFile()) {
			await handle.close();
			return notFound();
		}
		const contentType = contentTypes[extname(path).toLowerCase()] ?? 'application/octet-stream';
		return await sendFile(request, reply, { handle, size: facts.size, mtime: facts.mtimeMs, contentType });
	} catch {
		return notFound();
	}
}

async function listing(path: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
	const url = request.url.split('?')[0] ?? '';
	if (!url.endsWith('/')) {
		reply.header('Location', `${url.split('/').at(-1)}/`);
		return reply.code(301).send();
	}
	const entries = await readdir(path, { withFileTypes: true });
	const links = entries
		.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
		.sort()
		.map(
			(name) => `<a href="${encodeURI(name).replaceAll('?', '%3F').replaceAll('#', '%23')}">${escapeHtml(name)}</a>`,
		);
	reply.header('Content-Type', 'text/html; charset=utf-8');
	return reply.send(
		`<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('\n')}\n</pre>\n`,
	);
}
