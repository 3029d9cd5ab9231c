// Who may call what: one table, by operation. An operation that is not in it is allowed to nobody, and the tests fail for
// one of our documents that is missing here. What a device sees of an operation that it may call (its own jobs) is the
// noun's to decide. Pure.

/** Roles of operators. They are independent: whoever needs the rights of two has both. */
export const roles = ['viewer', 'operator', 'approver', 'signer', 'auditor', 'admin'] as const;
export type Role = (typeof roles)[number];

/** What each role is for, in one line. */
export const roleMeanings: Readonly<Record<Role, string>> = {
	viewer: 'reads jobs, workflows, artifacts and the repository of trust',
	operator: 'creates, moves, tags and deletes jobs and workflows, uploads artifacts and publishes targets',
	approver: 'moves a job on where its workflow waits for a person, and changes nothing else',
	signer: 'uploads and deletes artifacts, publishes targets, and brings trust metadata that people signed',
	auditor: 'reads the audit trail, beside all that a viewer reads',
	admin: 'may do everything, making tokens included',
};

/** `device`: a device, on the southbound port. `anyone`: whoever reaches the northbound port, without a credential. */
export type Caller = Role | 'device' | 'anyone';

const readers = roles;
const readersAndDevices = [...roles, 'device'] as const;
const operators = ['operator', 'admin'] as const;
const publishers = ['operator', 'signer', 'admin'] as const;
const signers = ['signer', 'admin'] as const;
const auditors = ['auditor', 'admin'] as const;
const admins = ['admin'] as const;

const wfx = '/api/wfx/v1';
const caisson = '/api/caisson/v1';

/** By method and path, as the OpenAPI documents and the routes write it; HEAD is as GET. */
export const callers: Readonly<Record<string, readonly Caller[]>> = {
	'GET /': readersAndDevices,
	'GET /health': readersAndDevices,
	'GET /version': readersAndDevices,
	'GET /metrics': readers,
	'GET /download/*': readersAndDevices,
	'GET /artifacts/sha256/:digest': readersAndDevices,
	'GET /artifacts/sha256/:digest/:name': readersAndDevices,
	'GET /tuf/:name': readersAndDevices,
	'GET /tuf/targets/*': readersAndDevices,
	[`GET ${wfx}/openapi.json`]: readersAndDevices,
	[`GET ${wfx}/swagger.json`]: readersAndDevices,
	[`GET ${wfx}/health`]: readersAndDevices,
	[`GET ${wfx}/version`]: readersAndDevices,
	[`GET ${wfx}/workflows`]: readersAndDevices,
	[`POST ${wfx}/workflows`]: operators,
	[`GET ${wfx}/workflows/{name}`]: readersAndDevices,
	[`DELETE ${wfx}/workflows/{name}`]: operators,
	[`GET ${wfx}/jobs`]: readersAndDevices,
	[`POST ${wfx}/jobs`]: operators,
	[`GET ${wfx}/jobs/events`]: readersAndDevices,
	[`GET ${wfx}/jobs/{id}`]: readersAndDevices,
	[`DELETE ${wfx}/jobs/{id}`]: operators,
	[`GET ${wfx}/jobs/{id}/status`]: readersAndDevices,
	[`PUT ${wfx}/jobs/{id}/status`]: ['operator', 'approver', 'admin', 'device'],
	[`GET ${wfx}/jobs/{id}/definition`]: readersAndDevices,
	[`GET ${wfx}/job/{id}/definition`]: readersAndDevices,
	[`PUT ${wfx}/jobs/{id}/definition`]: operators,
	[`GET ${wfx}/jobs/{id}/tags`]: readersAndDevices,
	[`POST ${wfx}/jobs/{id}/tags`]: operators,
	[`DELETE ${wfx}/jobs/{id}/tags`]: operators,
	[`POST ${caisson}/jobs/bulk-create`]: operators,
	[`POST ${caisson}/jobs/bulk-delete`]: operators,
	[`GET ${caisson}/artifacts`]: readers,
	[`GET ${caisson}/artifacts/traffic`]: readers,
	[`POST ${caisson}/artifacts/collect`]: publishers,
	[`GET ${caisson}/artifacts/sha256/{digest}`]: readers,
	[`PUT ${caisson}/artifacts/sha256/{digest}`]: publishers,
	[`GET ${caisson}/artifacts/sha256/{digest}/upload`]: publishers,
	[`DELETE ${caisson}/artifacts/sha256/{digest}`]: publishers,
	[`GET ${caisson}/trust`]: readers,
	[`GET ${caisson}/trust/settings`]: readers,
	[`PUT ${caisson}/trust/settings`]: admins,
	[`GET ${caisson}/trust/documents/{role}`]: readers,
	[`POST ${caisson}/trust/documents/{role}`]: signers,
	[`GET ${caisson}/trust/pending/{role}`]: readers,
	[`POST ${caisson}/trust/pending/{role}`]: signers,
	[`DELETE ${caisson}/trust/pending/{role}`]: signers,
	[`POST ${caisson}/trust/pending/{role}/signatures`]: signers,
	[`GET ${caisson}/trust/targets`]: readers,
	[`PUT ${caisson}/trust/targets`]: publishers,
	[`POST ${caisson}/trust/targets/release`]: publishers,
	[`POST ${caisson}/trust/publish`]: publishers,
	[`POST ${caisson}/trust/online`]: publishers,
	[`POST ${caisson}/trust/import`]: admins,
	[`GET ${caisson}/audit`]: auditors,
	[`GET ${caisson}/audit/seals`]: auditors,
	[`GET ${caisson}/audit/export`]: auditors,
	[`GET ${caisson}/access/tokens`]: admins,
	[`POST ${caisson}/access/tokens`]: admins,
	[`DELETE ${caisson}/access/tokens/{id}`]: admins,
	// Whoever has the code of the one-time link has no other credential yet.
	[`POST ${caisson}/access/sessions`]: ['anyone', ...roles],
	[`GET ${caisson}/access/sessions/current`]: readers,
	[`DELETE ${caisson}/access/sessions/current`]: readers,
};

/** @param caller the roles of an operator, or what else the caller is */
export function mayCall(caller: readonly string[], operation: string): boolean {
	const allowed: readonly string[] = Object.hasOwn(callers, operation) ? (callers[operation] ?? []) : [];
	return caller.some((one) => allowed.includes(one));
}
