// Text into a workflow: the shape of the values, which is wfx's schema (siemens/wfx, spec/wfx.openapi.yml, schemas
// Workflow, State, Group, Transition). Every error names the line and the field. It leaves out whether the states and
// transitions make sense together (validate.ts), and how hostile YAML is bounded (yaml.ts).

import { CaissonError } from '../../errors.ts';
import {
	type Actor,
	type TransitionAction,
	type Workflow,
	type WorkflowGroup,
	type WorkflowState,
	type WorkflowTransition,
	workflowLimits,
	workflowNamePattern,
} from './model.ts';
import { type Path, readYaml, type YamlValue } from './yaml.ts';

export interface ReadWorkflow {
	readonly workflow: Workflow;
	/** Sentences about what was ignored, with its line. */
	readonly warnings: readonly string[];
}

/** More warnings than this are counted, not listed. */
const mostWarnings = 20;

/**
 * The workflow that `text` holds. It is not validated: see validateWorkflow.
 * @param format 'json' refuses everything that is not strictly JSON; otherwise YAML, of which JSON is a part
 * @throws CaissonError workflow-invalid naming the line, the field and the rule
 */
export function parseWorkflow(text: string, format: 'yaml' | 'json' = 'yaml'): Workflow {
	return readWorkflow(text, format).workflow;
}

/** As parseWorkflow, with the warnings: fields that wfx's schema does not know are ignored, as wfx does. */
export function readWorkflow(text: string, format: 'yaml' | 'json' = 'yaml'): ReadWorkflow {
	const source = readSource(text, format);
	const reader = new Reader(source);
	const workflow = readFields(reader, reader.object(source.value, []));
	return { workflow, warnings: reader.warnings() };
}

function readSource(text: string, format: 'yaml' | 'json'): YamlValue {
	try {
		if (format === 'json') readJson(text);
		return readYaml(text);
	} catch (error) {
		if (!(error instanceof CaissonError)) throw error;
		throw new CaissonError('workflow-invalid', error.message, { cause: error });
	}
}

/** YAML reads all of JSON and more, and knows the lines: this only refuses the more. */
function readJson(text: string): void {
	try {
		JSON.parse(text);
	} catch (error) {
		const reason = error instanceof SyntaxError ? error.message : String(error);
		throw new CaissonError('request-invalid', `not JSON: ${reason}`, { cause: error });
	}
}

function readFields(reader: Reader, fields: Fields): Workflow {
	reader.known(fields, ['name', 'description', 'states', 'groups', 'transitions']);
	const name = reader.text(fields, 'name', { most: workflowLimits.nameLength });
	if (!workflowNamePattern.test(name))
		reader.refuse([...fields.path, 'name'], 'may hold letters, digits, "-" and "." only');
	const description = reader.optionalText(fields, 'description', { most: workflowLimits.descriptionLength });
	const states = reader.list(fields, 'states', workflowLimits.states, readState);
	const groups = reader.optionalList(fields, 'groups', workflowLimits.groups, readGroup);
	const transitions = reader.list(fields, 'transitions', workflowLimits.transitions, readTransition);
	return { name, ...present({ description }), states, ...present({ groups }), transitions };
}

function readState(reader: Reader, value: unknown, path: Path): WorkflowState {
	const fields = reader.object(value, path);
	reader.known(fields, ['name', 'description']);
	return { name: reader.text(fields, 'name'), ...present({ description: reader.optionalText(fields, 'description') }) };
}

function readGroup(reader: Reader, value: unknown, path: Path): WorkflowGroup {
	const fields = reader.object(value, path);
	reader.known(fields, ['name', 'description', 'states']);
	const name = reader.text(fields, 'name');
	const description = reader.optionalText(fields, 'description');
	// wfx sets no upper limit here. A group cannot hold more states than a workflow can have, and a limit keeps many
	// aliases of one long list from filling the memory.
	const states = reader.list(fields, 'states', workflowLimits.states, (_, state, at) => reader.string(state, at));
	if (states.length === 0) reader.refuse([...path, 'states'], 'needs at least one entry');
	return { name, ...present({ description }), states };
}

function readTransition(reader: Reader, value: unknown, path: Path): WorkflowTransition {
	const fields = reader.object(value, path);
	reader.known(fields, ['from', 'to', 'eligible', 'action', 'description']);
	const from = reader.text(fields, 'from');
	const to = reader.text(fields, 'to');
	const eligible = reader.choice<Actor>(fields, 'eligible', ['CLIENT', 'WFX']);
	const action = reader.optionalChoice<TransitionAction>(fields, 'action', ['IMMEDIATE', 'WAIT']);
	const description = reader.optionalText(fields, 'description');
	return { from, to, eligible, ...present({ action, description }) };
}

/** Only the fields that are there: an absent field stays absent (exactOptionalPropertyTypes). */
function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
	return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
		[K in keyof T]?: Exclude<T[K], undefined>;
	};
}

interface Fields {
	readonly path: Path;
	readonly values: ReadonlyMap<string, unknown>;
}

/** Reads typed fields out of plain values. An empty optional field (null, as YAML's `groups:`) counts as absent. */
class Reader {
	readonly #source: YamlValue;
	readonly #warnings: string[] = [];
	#unlisted = 0;

	constructor(source: YamlValue) {
		this.#source = source;
	}

	warnings(): string[] {
		return this.#unlisted > 0 ? [...this.#warnings, `${this.#unlisted} more unknown fields`] : this.#warnings;
	}

	refuse(path: Path, rule: string): never {
		const field = path.length === 0 ? 'the document' : fieldName(path);
		throw new CaissonError('workflow-invalid', `line ${this.#source.line(path)}: ${field} ${rule}`);
	}

	object(value: unknown, path: Path): Fields {
		if (typeof value !== 'object' || value === null || Array.isArray(value)) {
			this.refuse(path, `must be a mapping of fields, not ${kindOf(value)}`);
		}
		return { path, values: new Map(Object.entries(value)) };
	}

	known(fields: Fields, names: readonly string[]): void {
		for (const name of fields.values.keys()) {
			if (names.includes(name)) continue;
			if (this.#warnings.length >= mostWarnings) {
				this.#unlisted++;
				continue;
			}
			const path = [...fields.path, name];
			this.#warnings.push(`line ${this.#source.line(path)}: ${fieldName(path)} is unknown and ignored`);
		}
	}

	string(value: unknown, path: Path): string {
		if (typeof value === 'string') return value;
		const hint = typeof value === 'number' || typeof value === 'boolean' ? '; put it in quotes' : '';
		return this.refuse(path, `must be a string, not ${kindOf(value)}${hint}`);
	}

	optionalText(fields: Fields, name: string, limit?: { most: number }): string | undefined {
		const value = fields.values.get(name) ?? undefined;
		if (value === undefined) return undefined;
		const path = [...fields.path, name];
		const text = this.string(value, path);
		// Code points, as in wfx's schema check; what is short in UTF-16 units cannot be long in them.
		if (limit !== undefined && text.length > limit.most && [...text].length > limit.most) {
			this.refuse(path, `is longer than ${limit.most} characters`);
		}
		return text;
	}

	text(fields: Fields, name: string, limit?: { most: number }): string {
		const text = this.optionalText(fields, name, limit);
		if (text === undefined) return this.#missing(fields, name);
		if (text === '') this.refuse([...fields.path, name], 'must not be empty');
		return text;
	}

	optionalChoice<Choice extends string>(fields: Fields, name: string, choices: readonly Choice[]): Choice | undefined {
		const value = fields.values.get(name) ?? undefined;
		if (value === undefined) return undefined;
		const choice = choices.find((candidate) => candidate === value);
		return choice ?? this.refuse([...fields.path, name], `must be ${choices.join(' or ')}`);
	}

	choice<Choice extends string>(fields: Fields, name: string, choices: readonly Choice[]): Choice {
		return this.optionalChoice(fields, name, choices) ?? this.#missing(fields, name);
	}

	optionalList<Item>(fields: Fields, name: string, most: number, read: ReadItem<Item>): Item[] | undefined {
		const value = fields.values.get(name) ?? undefined;
		if (value === undefined) return undefined;
		const path = [...fields.path, name];
		if (!Array.isArray(value)) return this.refuse(path, `must be a list, not ${kindOf(value)}`);
		if (value.length > most) this.refuse(path, `has ${value.length} entries; ${most} are allowed`);
		return value.map((item: unknown, index) => read(this, item, [...path, index]));
	}

	list<Item>(fields: Fields, name: string, most: number, read: ReadItem<Item>): Item[] {
		return this.optionalList(fields, name, most, read) ?? this.#missing(fields, name);
	}

	#missing(fields: Fields, name: string): never {
		return this.refuse([...fields.path, name], fields.values.has(name) ? 'is empty' : 'is missing');
	}
}

type ReadItem<Item> = (reader: Reader, value: unknown, path: Path) => Item;

/** transitions[3].from, counted from 0 as in JSON paths. A hostile key is shortened and made printable. */
function fieldName(path: Path): string {
	const name = path
		.map((step, index) => {
			if (typeof step === 'number') return `[${step}]`;
			const word = /^[\w-]{1,64}$/.test(step) ? step : JSON.stringify(step.slice(0, 64));
			return index === 0 ? word : `.${word}`;
		})
		.join('');
	return name;
}

function kindOf(value: unknown): string {
	if (value === null || value === undefined) return 'empty';
	if (Array.isArray(value)) return 'a list';
	return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`;
}
