// The address of a PostgreSQL database as a person writes it: postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full.
// It decides which parts are understood, how TLS is asked for and where the password comes from (the address,
// PGPASSWORD, PGPASSFILE). It holds the password where nothing prints it. It leaves out connecting (connection.ts).

import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';

type Environment = Readonly<Record<string, string | undefined>>;

// https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING; a socket is ?host=/FOLDER or a host in %2F.
const form =
	/^postgres(?:ql)?:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d*))?(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const parameters = [
	'host',
	'port',
	'user',
	'password',
	'dbname',
	'options',
	'sslmode',
	'sslrootcert',
	'sslcert',
	'sslkey',
];
const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'];

/** Is this text the address of a PostgreSQL database (well formed or not), rather than a file? */
export function isDatabaseAddress(text: string): boolean {
	return /^postgres(ql)?:/i.test(text);
}

export class DatabaseAddress {
	readonly #parts: Readonly<Record<string, string | undefined>>;

	/** @throws RangeError naming the part; never the password */
	constructor(text: string) {
		const found = form.exec(text);
		if (found === null) {
			throw new RangeError('it is not an address like postgres://USER@HOST:PORT/DATABASE');
		}
		const [, user, password, host, port, dbname, query = ''] = found;
		const parts: Record<string, string | undefined> = {};
		const named = { user, password, host: host?.replace(/^\[(.*)\]$/, '$1'), port, dbname };
		for (const [name, value] of Object.entries(named)) if (value) parts[name] = decode(name, value);
		for (const [name, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
			if (!parameters.includes(name)) throw new RangeError(`'${name}' is not a parameter that is understood here`);
			parts[name] = value;
		}
		if (parts.sslmode !== undefined && !sslModes.includes(parts.sslmode)) {
			throw new RangeError(`sslmode '${parts.sslmode}' is not one of ${sslModes.join(', ')}`);
		}
		if (parts.port !== undefined && !/^\d{1,5}$/.test(parts.port)) throw new RangeError('the port is not a number');
		this.#parts = parts;
	}

	/** Does the address itself hold a password? On a command line every user of the machine would see it. */
	get hasPassword(): boolean {
		return this.#parts.password !== undefined;
	}

	/** What pg takes, with the files read that the address names. @throws Error where one cannot be read */
	config(environment: Environment): ClientConfig {
		const { user, host, port, dbname, options } = this.#parts;
		return {
			...(user === undefined ? {} : { user }),
			...(host === undefined ? {} : { host }),
			...(port === undefined ? {} : { port: Number(port) }),
			...(dbname === undefined ? {} : { database: dbname }),
			...(options === undefined ? {} : { options }),
			...this.#ssl(),
			...this.#password(environment),
		};
	}

	#ssl(): ClientConfig {
		const { sslmode, sslrootcert, sslcert, sslkey } = this.#parts;
		if (sslmode === undefined || sslmode === 'disable') return {};
		const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, 'utf8'));
		const [ca, cert, key] = [read(sslrootcert), read(sslcert), read(sslkey)];
		return {
			ssl: {
				...(ca === undefined ? {} : { ca }),
				...(cert === undefined ? {} : { cert }),
				...(key === undefined ? {} : { key }),
				// As libpq: `require` encrypts and asks for no proof unless a CA is named; only verify-full compares the name.
				rejectUnauthorized: sslmode !== 'require' || ca !== undefined,
				...(sslmode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
			},
		};
	}

	#password(environment: Environment): ClientConfig {
		const password = this.#parts.password ?? environment.PGPASSWORD;
		if (password) return { password };
		const { host, port, dbname, user } = this.#parts;
		const wanted = [host ?? environment.PGHOST ?? 'localhost', port ?? environment.PGPORT ?? '5432', dbname, user];
		const file = environment.PGPASSFILE ?? join(environment.HOME ?? homedir(), '.pgpass');
		// Asked at each connection, so that a changed password takes effect; '' where the database asks for none.
		return { password: () => passwordFromFile(file, wanted) ?? '' };
	}

	/** The address without its password: for people and logs. */
	toString(): string {
		const { user, host = '', port, dbname = '', options } = this.#parts;
		const at = host.startsWith('/') ? encodeURIComponent(host) : host.includes(':') ? `[${host}]` : host;
		const rest = options === undefined ? '' : `?options=${encodeURIComponent(options)}`;
		return `postgres://${user ? `${encodeURIComponent(user)}@` : ''}${at}${port ? `:${port}` : ''}/${dbname}${rest}`;
	}

	/** Whatever logs this object logs no password. */
	toJSON(): string {
		return this.toString();
	}
}

function decode(name: string, value: string): string {
	try {
		return decodeURIComponent(value);
	} catch {
		throw new RangeError(`the ${name} has a % that begins no escape`);
	}
}

/**
 * The password of the first line that matches, as libpq reads it: host:port:database:user:password, `*` for any, a
 * backslash before : and \. A file that others may read is not used.
 * https://www.postgresql.org/docs/15/libpq-pgpass.html
 */
export function passwordFromFile(file: string, wanted: readonly (string | undefined)[]): string | undefined {
	let text: string;
	try {
		const { mode } = statSync(file);
		if ((mode & 0o077) !== 0) return undefined;
		text = readFileSync(file, 'utf8');
	} catch {
		return undefined;
	}
	for (const line of text.split('\n')) {
		if (line.startsWith('#')) continue;
		const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field = '']) =>
			field.replaceAll(/\\(.)/g, '$1'),
		);
		const [password] = fields.slice(4);
		if (password === undefined) continue;
		const matches = wanted.every((value, index) => {
			const field = fields[index];
			// A socket folder counts as localhost, as libpq has it for the default one.
			return field === '*' || field === value || (index === 0 && field === 'localhost' && value?.startsWith('/'));
		});
		if (matches) return password;
	}
	return undefined;
}
