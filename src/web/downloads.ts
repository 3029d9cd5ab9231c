// /download/: the files of one folder, as wfx's --simple-fileserver serves them. Nothing outside the folder can be
// named, also not through a symbolic link; folders are listed as Go's file server does.

import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { escapeHtml, send } from './api.ts';
import { preconditionStatus, sendFile } from './file-reply.ts';
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
	if (/(^|\/)index\.html$/.test(name)) return redirect(request, reply, () => './');
	try {
		const root = await realpath(folder);
		const asked = await openInside(root, join(root, name.replace(/\/+$/, '')));
		if (asked === undefined) return notFound();
		const slash = name === '' || name.endsWith('/');
		if (asked.facts.isDirectory()) {
			await asked.handle.close();
			if (!slash) return redirect(request, reply, (last) => `${last}/`);
			const index = await openInside(root, join(asked.path, 'index.html')).catch(() => undefined);
			if (index?.facts.isFile()) return await sendOpened(request, reply, index);
			await index?.handle.close();
			return await listing(asked, request, reply);
		}
		if (!asked.facts.isFile() || slash) {
			await asked.handle.close();
			return asked.facts.isFile() ? redirect(request, reply, (last) => `../${last}`) : notFound();
		}
		return await sendOpened(request, reply, asked);
	} catch {
		return notFound();
	}
}

interface Opened {
	readonly path: string;
	readonly handle: FileHandle;
	readonly facts: Stats;
}

/** Opens what the path leads to; undefined where a symbolic link leads out of the folder. Rejects where nothing is. */
async function openInside(root: string, wanted: string): Promise<Opened | undefined> {
	const path = await realpath(wanted);
	if (path !== root && !path.startsWith(root + sep)) return undefined;
	const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
	return { path, handle, facts: await handle.stat() };
}

function sendOpened(request: FastifyRequest, reply: FastifyReply, { path, handle, facts }: Opened) {
	const contentType = contentTypes[extname(path).toLowerCase()] ?? 'application/octet-stream';
	return sendFile(request, reply, { handle, size: facts.size, mtime: facts.mtimeMs, contentType });
}

/** As Go's file server redirects: relative to the last part of the path, which it keeps as it was sent, and the query. */
function redirect(request: FastifyRequest, reply: FastifyReply, to: (last: string) => string): FastifyReply {
	const [path = '', query] = request.url.split('?', 2);
	const last = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
	reply.header('Location', to(last) + (query === undefined ? '' : `?${query}`));
	return reply.code(301).send();
}

async function listing(folder: Opened, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
	const modified = Math.floor(folder.facts.mtimeMs / 1000) * 1000;
	reply.header('Last-Modified', new Date(modified).toUTCString());
	const conditions = { 'if-modified-since': request.headers['if-modified-since'] };
	if (preconditionStatus(conditions, undefined, modified) === 304) return reply.code(304).send();
	const entries = await readdir(folder.path, { withFileTypes: true });
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
