// The requests of the load, as the bytes that are sent, and in which order one worker sends them. Devices poll for
// open jobs and report; operators create jobs and look at workflows. Pure.

export type Kind = 'poll' | 'workflows' | 'create' | 'advance' | 'connect';

/** 75 % reads, 25 % writes, and of each kind as many of the one as of the other, as siemens/wfx's own load test has it. */
export const turns: readonly Kind[] = [
	...(['poll', 'workflows', 'poll', 'create'] as const),
	...(['workflows', 'poll', 'workflows', 'advance'] as const),
];

/** What a device of this workflow reports after NEW, in which a job begins. */
export const workflowName = 'wfx.workflow.kanban';
export const reports = ['PROGRESS', 'VALIDATE', 'DONE'] as const;

const api = '/api/wfx/v1';

function head(method: string, path: string): string {
	return `${method} ${api}${path} HTTP/1.1\r\nHost: localhost\r\n`;
}

function withBody(method: string, path: string, body: string): string {
	return `${head(method, path)}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

export function pollRequest(clientId: string): string {
	return `${head('GET', `/jobs?clientId=${clientId}&group=OPEN`)}\r\n`;
}

export const workflowsRequest = `${head('GET', '/workflows')}\r\n`;

export function createRequest(clientId: string): string {
	const artifact = `{"name":"image","version":"2.4.1","uri":"https://updates.example.org/images/2.4.1/device.swu"}`;
	const definition = `{"version":"2.4.1","type":["firmware"],"artifacts":[${artifact}]}`;
	return withBody(
		'POST',
		'/jobs',
		`{"clientId":"${clientId}","workflow":"${workflowName}","definition":${definition}}`,
	);
}

export function advanceRequest(id: string, clientId: string, state: string): string {
	return withBody('PUT', `/jobs/${id}/status`, `{"clientId":"${clientId}","state":"${state}","progress":0}`);
}

/** The id of a job in the answer to its creation; undefined where there is none. Ids are UUIDs. */
export function idOfCreated(body: Buffer): string | undefined {
	const at = body.indexOf('"id":"');
	return at < 0 ? undefined : body.toString('latin1', at + 6, at + 42);
}
