// What a device understands of a job: the definition of the DAU workflow family (siemens/wfx, docs/workflows/dau.md), as
// strictly as SWUpdate's wfx module checks it, and which states end a job. Pure.

import type { DeviceJob } from './wfx-client.ts';

export interface UpdateDefinition {
	readonly version: string;
	/** Activated by a reboot. */
	readonly firmware: boolean;
	readonly artifacts: readonly { readonly uri: string; readonly name?: string; readonly version?: string }[];
}

/** The definition, or undefined where SWUpdate would pass the job over. */
export function readDefinition(value: unknown): UpdateDefinition | undefined {
	if (typeof value !== 'object' || value === null) return undefined;
	const { version, type, artifacts } = value as Record<string, unknown>;
	if (!isText(version) || !Array.isArray(type) || !type.every(isText) || !Array.isArray(artifacts)) return undefined;
	if (type.length === 0 || artifacts.length === 0 || type.join(':').length > 2048) return undefined;
	if (!artifacts.every(isArtifact)) return undefined;
	return { version, firmware: type.includes('firmware'), artifacts };
}

/** Whether a job in this state is over: its state is in the group CLOSED or FAILED. */
export function terminalState(workflow: DeviceJob['workflow'], state: string): boolean {
	const groups = (workflow.groups ?? []).filter((group) => group.name === 'CLOSED' || group.name === 'FAILED');
	return groups.some((group) => group.states.includes(state));
}

function isArtifact(value: unknown): value is UpdateDefinition['artifacts'][number] {
	if (typeof value !== 'object' || value === null) return false;
	const { uri, name, version } = value as Record<string, unknown>;
	return isText(uri) && [name, version].every((optional) => optional === undefined || isText(optional));
}

function isText(value: unknown): value is string {
	return typeof value === 'string' && value !== '';
}
