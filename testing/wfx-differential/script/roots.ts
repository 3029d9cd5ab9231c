// What lies outside the jobs and workflows: root paths, health, version, the API descriptions, /download without a
// file server, odd spellings of paths, and CORS.
import type { Chapter, Step } from '../step.ts';

const healthMask = ['details.persistence.timestamp'];
const versionMask = ['version', 'commit'];

const outside: Step[] = ['north', 'south'].flatMap((port): Step[] => [
	{ name: `${port} root`, send: `${port} GET /` },
	{ name: `${port} root HEAD`, send: `${port} HEAD /` },
	{ name: `${port} root POST`, send: `${port} POST /` },
	{ name: `${port} root OPTIONS`, send: `${port} OPTIONS /` },
	{ name: `${port} root with a query`, send: `${port} GET /?a=b` },
	{ name: `${port} unknown path`, send: `${port} GET /unknown` },
	{ name: `${port} unknown path POST`, send: `${port} POST /unknown` },
	{ name: `${port} unknown path under the API`, send: `${port} GET unknown` },
	{ name: `${port} unknown path under the API, PUT`, send: `${port} PUT unknown` },
	{ name: `${port} API base`, send: `${port} GET /api/wfx/v1` },
	{ name: `${port} API base with slash`, send: `${port} GET /api/wfx/v1/` },
	{ name: `${port} another API version`, send: `${port} GET /api/wfx/v2/jobs` },
	{ name: `${port} root health`, send: `${port} GET /health`, mask: healthMask },
	{ name: `${port} root health HEAD`, send: `${port} HEAD /health` },
	{ name: `${port} root health POST`, send: `${port} POST /health` },
	{ name: `${port} root health with slash`, send: `${port} GET /health/` },
	{ name: `${port} root version`, send: `${port} GET /version`, mask: versionMask },
	{ name: `${port} root version DELETE`, send: `${port} DELETE /version` },
	{
		name: `${port} openapi.json`,
		send: `${port} GET openapi.json`,
		pick: [
			'openapi',
			'info.title',
			'servers',
			'paths.*',
			'components.schemas.JobStatus.properties.*',
			'components.schemas.Job.properties.*',
		],
	},
	{ name: `${port} openapi.json HEAD`, send: `${port} HEAD openapi.json` },
	{ name: `${port} openapi.json POST`, send: `${port} POST openapi.json` },
	{
		name: `${port} swagger.json`,
		send: `${port} GET swagger.json`,
		pick: [
			'swagger',
			'basePath',
			'info.title',
			'paths.*',
			'definitions.JobStatus.properties.*',
			'definitions.Job.properties.*',
		],
	},
	{ name: `${port} swagger.json HEAD`, send: `${port} HEAD swagger.json` },
	{ name: `${port} download`, send: `${port} GET /download/file` },
	{ name: `${port} download HEAD`, send: `${port} HEAD /download/file` },
	{ name: `${port} download root`, send: `${port} GET /download/` },
	{ name: `${port} download without slash`, send: `${port} GET /download` },
	{ name: `${port} download POST`, send: `${port} POST /download/file` },
	{ name: `${port} favicon`, send: `${port} GET /favicon.ico` },
]);

const paths: Step[] = [
	{ name: 'trailing slash', send: 'north GET jobs/' },
	{ name: 'trailing slash, workflows', send: 'north GET workflows/' },
	{ name: 'trailing slash, workflow', send: 'north GET workflows/none/' },
	{ name: 'trailing slash, POST', send: 'north POST jobs/', json: { clientId: 'c', workflow: 'w' } },
	{ name: 'trailing slash below a job', send: 'north GET jobs/none/status/' },
	{ name: 'double slash', send: 'north GET /api/wfx/v1//jobs' },
	{ name: 'double slash at the start', send: 'north GET //api/wfx/v1/jobs' },
	{ name: 'double slash, POST', send: 'north POST /api/wfx/v1//jobs', json: { clientId: 'c', workflow: 'w' } },
	{ name: 'double slash with a query', send: 'north GET /api/wfx/v1//jobs?limit=1' },
	{ name: 'dot segment', send: 'north GET /api/wfx/v1/./jobs' },
	{ name: 'dot dot segment', send: 'north GET /api/wfx/v1/jobs/../workflows' },
	{ name: 'dot dot above the root', send: 'north GET /../../version' },
	{ name: 'encoded slash in an id', send: 'north GET jobs/a%2Fb' },
	{ name: 'encoded slash in a name', send: 'north GET workflows/a%2Fb' },
	{ name: 'encoded dot dot', send: 'north GET jobs/%2e%2e/workflows' },
	{ name: 'encoded letter', send: 'north GET %6Aobs' },
	{ name: 'encoded letter in an id', send: 'north GET jobs/%6Aob' },
	{ name: 'encoded space in an id', send: 'north GET jobs/a%20b' },
	{ name: 'plus in an id', send: 'north GET jobs/a+b' },
	{ name: 'encoded NUL in an id', send: 'north GET jobs/a%00b' },
	{ name: 'non-ASCII in an id', send: 'north GET jobs/%C3%BC' },
	{ name: 'invalid UTF-8 in an id', send: 'north GET jobs/%FF' },
	{ name: 'bad escape', send: 'north GET jobs/%zz' },
	{ name: 'lone percent', send: 'north GET jobs/%' },
	{ name: 'upper case path', send: 'north GET /API/WFX/V1/JOBS' },
	{ name: 'upper case last part', send: 'north GET JOBS' },
	{ name: 'semicolon in a path', send: 'north GET jobs;a=b' },
	{ name: 'colon in an id', send: 'north GET jobs/a:b' },
	{ name: 'star in an id', send: 'north GET jobs/*' },
	{ name: 'star star in an id', send: 'north GET jobs/**/status' },
	{ name: 'braces in an id', send: 'north GET jobs/{id}' },
	{ name: 'long id', send: `north GET jobs/${'a'.repeat(2000)}` },
	{ name: 'deeper than any route', send: 'north GET jobs/none/status/more' },
	{ name: 'events as an id, status', send: 'north GET jobs/events/status' },
	{ name: 'events DELETE is the job of that name', send: 'north DELETE jobs/events' },
	{ name: 'events PUT', send: 'north PUT jobs/events' },
	{ name: 'unknown below a job', send: 'north GET jobs/none/unknown' },
	{ name: 'singular job', send: 'north GET job/none/definition' },
	{ name: 'fragment', send: 'north GET jobs#part' },
];

const origin = 'https://console.example';
const cors: Step[] = [
	{ name: 'Origin on GET', send: 'north GET jobs', headers: { origin } },
	{ name: 'Origin on GET, south', send: 'south GET jobs', headers: { origin } },
	{ name: 'Origin null', send: 'north GET jobs', headers: { origin: 'null' } },
	{ name: 'Origin on an error', send: 'north GET jobs/none', headers: { origin } },
	{ name: 'Origin on a schema error', send: 'north GET jobs?sort=up', headers: { origin } },
	{ name: 'Origin on a binding error', send: 'north GET jobs?limit=x', headers: { origin } },
	{ name: 'Origin on a refusal', send: 'south DELETE jobs/none', headers: { origin } },
	{ name: 'Origin on a wrong method', send: 'north PATCH jobs', headers: { origin } },
	{ name: 'Origin on an unknown path', send: 'north GET unknown', headers: { origin } },
	{ name: 'Origin at the root', send: 'north GET /version', headers: { origin }, mask: versionMask },
	{ name: 'Origin on openapi.json', send: 'north GET openapi.json', headers: { origin }, pick: ['openapi'] },
	{ name: 'Origin on events', send: 'north GET jobs/events?actions=NONE', headers: { origin } },
	{ name: 'preflight GET', send: 'north OPTIONS jobs', headers: { origin, 'access-control-request-method': 'GET' } },
	{
		name: 'preflight POST with headers',
		send: 'north OPTIONS jobs',
		headers: {
			origin,
			'access-control-request-method': 'POST',
			'access-control-request-headers': 'content-type,x-response-filter',
		},
	},
	{
		name: 'preflight PUT',
		send: 'south OPTIONS jobs/none/status',
		headers: { origin, 'access-control-request-method': 'PUT' },
	},
	{
		name: 'preflight unknown path',
		send: 'north OPTIONS unknown',
		headers: { origin, 'access-control-request-method': 'GET' },
	},
	{ name: 'preflight without Origin', send: 'north OPTIONS jobs', headers: { 'access-control-request-method': 'GET' } },
];

export const roots: Chapter = {
	name: 'roots',
	about: 'root paths, health, version, API descriptions, /download unset',
	steps: outside,
};
export const pathForms: Chapter = { name: 'path-forms', about: 'odd spellings of paths', steps: paths };
export const crossOrigin: Chapter = { name: 'cross-origin', about: 'Origin headers and CORS preflight', steps: cors };
