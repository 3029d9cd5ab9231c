// Which value each option has, and where it came from: flag > environment > later file > earlier file > default. Every
// fault is a CaissonError configuration-invalid that names the place. It leaves out what the options are (options.ts)
// and whether the addresses may be served (trust-boundary.ts).

import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { CaissonError } from '../../src/errors.ts';
import { nearestName } from '../../src/nearest-name.ts';
import {
	type ListOption,
	type Option,
	type OptionName,
	type OptionValues,
	options,
	refusedOptions,
} from './options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the command line gave: each option's texts in the order given, and the files of --config. */
export interface GivenFlags {
	readonly config: readonly string[];
	readonly values: Readonly<Record<string, readonly string[]>>;
}

export interface Configuration {
	readonly values: OptionValues;
	/** Where the option's value came from, for messages: '--client-port', 'CAISSON_CLIENT_PORT', 'FILE', 'default'. */
	readonly origin: (name: OptionName) => string;
	/** Every file that was looked for, present or not: what a reload watches. */
	readonly files: readonly string[];
	/** What is odd but no fault: for the log. */
	readonly warnings: readonly string[];
}

/** The texts that one place gives, by option name; unknown names are kept so that they can be refused. */
interface Layer {
	readonly origin: (name: string) => string;
	readonly values: ReadonlyMap<string, readonly string[]>;
	/** An unknown name is refused; where false, it is only warned of. */
	readonly strict: boolean;
}

const prefix = 'CAISSON_';
/** Read by other commands of the CLI, so no typing error when `up` sees them. */
const otherVariables = ['CONFIG', 'SERVER', 'TOKEN_FILE', 'CA', 'SOUTHBOUND'].map((name) => prefix + name);
const longestFile = 1 << 20;

export const environmentName = (option: string) => prefix + option.replaceAll('-', '_').toUpperCase();

/** The files read where no --config names any, earlier ones first; those that do not exist are skipped. */
export function defaultConfigurationFiles(environment: Environment): string[] {
	const home = environment.XDG_CONFIG_HOME || join(environment.HOME || homedir(), '.config');
	return ['/etc/caisson/caisson.yaml', join(home, 'caisson', 'caisson.yaml'), resolve('caisson.yaml')];
}

/** @throws CaissonError configuration-invalid naming the option and where its value came from */
export function readConfiguration(flags: GivenFlags, environment: Environment): Configuration {
	const named = flags.config.length > 0 ? flags.config : commaList(environment.CAISSON_CONFIG ?? '');
	const files = (named.length > 0 ? named : defaultConfigurationFiles(environment)).map((file) => resolve(file));
	const layers = [
		...files.flatMap((file) => fileLayer(file, named.length > 0) ?? []),
		environmentLayer(environment),
		{ origin: (name: string) => `--${name}`, values: new Map(Object.entries(flags.values)), strict: true },
	];
	const warnings = layers.flatMap(checkNames);
	const origins = new Map<string, string>();
	const values: Record<string, unknown> = {};
	for (const [name, option] of Object.entries<Option<unknown> | ListOption<unknown>>(options)) {
		const layer = layers.findLast((candidate) => candidate.values.has(name));
		const origin = layer?.origin(name) ?? 'default';
		origins.set(name, origin);
		values[name] = readOption(name, option, layer?.values.get(name), origin);
	}
	const configuration: Configuration = {
		// Every name of the table was read by its own option above.
		values: values as unknown as OptionValues,
		origin: (name) => origins.get(name) ?? 'default',
		files,
		warnings,
	};
	checkTogether(configuration);
	return configuration;
}

function readOption(
	name: string,
	option: Option<unknown> | ListOption<unknown>,
	texts: readonly string[] | undefined,
	origin: string,
): unknown {
	try {
		if ('many' in option) return readList(option, texts ?? option.default);
		if (texts !== undefined && texts.length !== 1) throw new RangeError('it takes one value, not a list');
		const text = texts?.[0] || option.default;
		return text === undefined ? undefined : option.read(text);
	} catch (cause) {
		if (!(cause instanceof RangeError)) throw cause;
		throw invalid(`${name}: ${cause.message} (${origin})`, cause);
	}
}

function readList(option: ListOption<unknown>, texts: readonly string[]): unknown[] {
	const items = texts.flatMap(commaList).map((text) => option.read(text));
	const keys = items.map((item) => option.key?.(item));
	const twice = keys.find((key, index) => key !== undefined && keys.indexOf(key) !== index);
	if (twice !== undefined) throw new RangeError(`'${twice}' is given twice`);
	return items;
}

const commaList = (text: string) =>
	text
		.split(',')
		.map((item) => item.trim())
		.filter((item) => item !== '');

/** Refuses or warns of names that are no option, with the nearest one. @returns warnings */
function checkNames(layer: Layer): string[] {
	const warnings: string[] = [];
	for (const name of layer.values.keys()) {
		if (Object.hasOwn(options, name)) continue;
		const place = layer.origin(name);
		if (Object.hasOwn(refusedOptions, name)) throw invalid(`${name} (${place}) ${refusedOptions[name]}`);
		const near = nearestName(name, Object.keys(options));
		const message = `${place}: there is no option '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}`;
		if (layer.strict) throw invalid(message);
		warnings.push(message);
	}
	return warnings;
}

function environmentLayer(environment: Environment): Layer {
	const values = new Map<string, readonly string[]>();
	for (const [variable, text] of Object.entries(environment)) {
		// An empty variable is one that was not set: unit files and compose files pass those on.
		if (!variable.startsWith(prefix) || otherVariables.includes(variable) || !text) continue;
		values.set(variable.slice(prefix.length).replaceAll('_', '-').toLowerCase(), [text]);
	}
	return { origin: environmentName, values, strict: false };
}

/** @returns undefined where the file does not exist and need not */
function fileLayer(file: string, required: boolean): Layer | undefined {
	let text: string;
	try {
		// The usual way to say: no file at all.
		if (file === '/dev/null') return undefined;
		const found = statSync(file);
		if (!found.isFile()) throw invalid(`${file} is not a file`);
		if (found.size > longestFile) throw invalid(`${file} is larger than ${longestFile} bytes`);
		text = readFileSync(file, 'utf8');
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		const { code } = cause as NodeJS.ErrnoException;
		if (code === 'ENOENT' && !required) return undefined;
		throw invalid(`${file} cannot be read: ${code === 'ENOENT' ? 'there is no such file' : code}`, cause);
	}
	return { origin: () => file, values: parseFile(file, text), strict: true };
}

function parseFile(file: string, text: string): Map<string, readonly string[]> {
	const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
	const [fault] = document.errors;
	if (fault) throw invalid(`${file} is not YAML: ${fault.message.split('\n')[0]}`, fault);
	let content: unknown;
	try {
		content = document.toJS({ maxAliasCount: 16 }) ?? {};
	} catch (cause) {
		throw invalid(`${file} has more aliases than a configuration needs`, cause);
	}
	if (typeof content !== 'object' || content === null || Array.isArray(content)) {
		throw invalid(`${file} must be a list of 'option: value' lines`);
	}
	const values = new Map<string, readonly string[]>();
	for (const [name, value] of Object.entries(content)) {
		if (value === null) continue;
		const items: unknown[] = Array.isArray(value) ? value : [value];
		if (items.some((item) => !['string', 'number', 'boolean'].includes(typeof item))) {
			throw invalid(`${name}: it must be a single value or a list of them (${file})`);
		}
		values.set(name, items.map(String));
	}
	return values;
}

/** Rules that span several options. */
function checkTogether({ values, origin }: Configuration): void {
	if (values.scheme.length === 0) throw invalid(`scheme: at least one listener is needed (${origin('scheme')})`);
	if (values.scheme.includes('https')) {
		for (const name of ['tls-certificate', 'tls-key'] as const) {
			if (values[name] === undefined) throw invalid(`${name} is needed for scheme https (${origin('scheme')})`);
		}
	}
	if (values['southbound-auth'] === 'mtls') {
		const why = `is needed for southbound-auth mtls (${origin('southbound-auth')})`;
		if (!values.scheme.includes('https')) throw invalid(`scheme https ${why}: devices are served over TLS only`);
		if (values['tls-ca'] === undefined) throw invalid(`tls-ca ${why}: it issues the certificates of devices`);
	}
	if (values['tls-crl'] !== undefined && values['tls-ca'] === undefined) {
		throw invalid(`tls-ca is needed for tls-crl (${origin('tls-crl')})`);
	}
	if (values.database?.hasPassword && origin('database').startsWith('--')) {
		const better = 'use PGPASSFILE, PGPASSWORD, CAISSON_DATABASE or a configuration file';
		throw invalid(`database: a password on the command line is seen by every user of this machine: ${better}`);
	}
	const folder = values['simple-fileserver'];
	if (folder !== undefined && !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
		throw invalid(`simple-fileserver: ${folder} is not a directory (${origin('simple-fileserver')})`);
	}
}

function invalid(message: string, cause?: unknown): CaissonError {
	return new CaissonError('configuration-invalid', message, cause === undefined ? undefined : { cause });
}
