import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { defaultConfigurationFiles, type GivenFlags, readConfiguration } from './configuration.ts';
import { options } from './options.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-configuration-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

function file(text: string): string {
	const path = join(folder, `${count++}.yaml`);
	writeFileSync(path, text);
	return path;
}

const noFlags: GivenFlags = { config: [], values: {} };
// So that the configuration of whoever runs the tests plays no part.
const environment = { CAISSON_CONFIG: file('') };

const read = (given: Partial<GivenFlags>, variables: Record<string, string> = {}) =>
	readConfiguration({ ...noFlags, ...given }, { ...environment, ...variables });

function refusal(given: Partial<GivenFlags>, variables: Record<string, string> = {}): string {
	try {
		read(given, variables);
	} catch (error) {
		assert.equal((error as { code?: string }).code, 'configuration-invalid');
		return (error as Error).message;
	}
	assert.fail('the configuration was accepted');
}

test('without any word the defaults are those of wfx, but for loopback south', () => {
	const { values, origin } = read({});
	assert.equal(values['client-host'], '127.0.0.1');
	assert.equal(values['client-port'], 8080);
	assert.equal(values['client-tls-port'], 8443);
	assert.equal(values['mgmt-port'], 8081);
	assert.equal(values['mgmt-tls-port'], 8444);
	assert.deepEqual(values.scheme, ['http']);
	assert.equal(values['keep-alive'], true);
	assert.equal(values['max-header-size'], 1_000_000);
	assert.equal(values['cleanup-timeout'], 10_000);
	assert.equal(values['graceful-timeout'], 15_000);
	assert.equal(values['read-timeout'], 30_000);
	assert.equal(values['write-timeout'], 600_000);
	assert.equal(values['sse-ping-interval'], 30_000);
	assert.equal(values['sse-grace-interval'], 60_000);
	assert.equal(values['simple-fileserver'], undefined);
	assert.equal(values['log-level'], 'info');
	assert.equal(origin('client-port'), 'default');
});

test('a flag wins over the environment, that over a later file, that over an earlier one', () => {
	const early = file('client-port: 1001\nmgmt-port: 2001\nclient-tls-port: 3001\nmgmt-tls-port: 4001');
	const late = file('client-port: 1002\nmgmt-port: 2002\nclient-tls-port: 3002');
	const { values, origin } = read(
		{ config: [early, late], values: { 'client-port': ['1004'] } },
		{ CAISSON_CLIENT_PORT: '1003', CAISSON_MGMT_PORT: '2003' },
	);
	assert.deepEqual(
		[values['client-port'], values['mgmt-port'], values['client-tls-port'], values['mgmt-tls-port']],
		[1004, 2003, 3002, 4001],
	);
	assert.deepEqual(
		[origin('client-port'), origin('mgmt-port'), origin('client-tls-port'), origin('mgmt-tls-port')],
		['--client-port', 'CAISSON_MGMT_PORT', late, early],
	);
});

test('without --config the files of the machine, of the user and of the working directory are read', () => {
	assert.deepEqual(defaultConfigurationFiles({ XDG_CONFIG_HOME: '/x' }), [
		'/etc/caisson/caisson.yaml',
		'/x/caisson/caisson.yaml',
		join(process.cwd(), 'caisson.yaml'),
	]);
	const home = join(folder, 'home');
	mkdirSync(join(home, 'caisson'), { recursive: true });
	const path = join(home, 'caisson', 'caisson.yaml');
	writeFileSync(path, 'sse-ping-interval: 7s');
	const { values, files } = read({}, { XDG_CONFIG_HOME: home, CAISSON_CONFIG: '' });
	assert.equal(values['sse-ping-interval'], 7000);
	assert.ok(files.includes(path));
});

test('CAISSON_CONFIG replaces the default files, and --config replaces it', () => {
	const [first, second] = [file('mgmt-port: 2005'), file('mgmt-port: 2006')];
	assert.equal(read({}, { CAISSON_CONFIG: first }).values['mgmt-port'], 2005);
	assert.equal(read({ config: [second] }, { CAISSON_CONFIG: first }).values['mgmt-port'], 2006);
});

test('lists are given by repetition, by commas and as YAML lists', () => {
	assert.deepEqual(read({ values: { scheme: ['http', 'unix'] } }).values.scheme, ['http', 'unix']);
	assert.deepEqual(read({}, { CAISSON_SCHEME: 'unix, http' }).values.scheme, ['unix', 'http']);
	const path = file('scheme: [http, unix]\nretention:\n  - ACTIVATED=90d\n  - TERMINATED=1d12h');
	const { values } = read({ config: [path] });
	assert.deepEqual(values.scheme, ['http', 'unix']);
	assert.deepEqual(values.retention, [
		{ state: 'ACTIVATED', age: 7_776_000_000 },
		{ state: 'TERMINATED', age: 129_600_000 },
	]);
});

test('an unknown key of a file is refused with the file and the nearest key', () => {
	const path = file('clinet-port: 8080');
	assert.equal(refusal({ config: [path] }), `${path}: there is no option 'clinet-port'; did you mean 'client-port'?`);
	const far = file('toString: 1');
	assert.equal(refusal({ config: [far] }), `${far}: there is no option 'toString'`);
});

test('an unknown variable is only warned of, as the environment belongs to others too', () => {
	const { warnings } = read({}, { CAISSON_CLIENT_PROT: '1', CAISSON_SERVER: 'http://127.0.0.1:8081' });
	assert.deepEqual(warnings, ["CAISSON_CLIENT_PROT: there is no option 'client-prot'; did you mean 'client-port'?"]);
});

test('an empty variable counts as not set, an empty line of a file empties what an earlier one set', () => {
	assert.equal(read({}, { CAISSON_CLIENT_PORT: '' }).values['client-port'], 8080);
	const early = file(`simple-fileserver: ${folder}`);
	const late = file("simple-fileserver: ''");
	assert.equal(read({ config: [early] }).values['simple-fileserver'], folder);
	assert.equal(read({ config: [early, late] }).values['simple-fileserver'], undefined);
});

test('the error of a value names the option and where it came from', () => {
	assert.match(
		refusal({ values: { 'client-port': ['70000'] } }),
		/^client-port: '70000' is not a port.* \(--client-port\)$/,
	);
	assert.match(
		refusal({}, { CAISSON_READ_TIMEOUT: '10' }),
		/^read-timeout: '10' is not a duration.*\(CAISSON_READ_TIMEOUT\)$/,
	);
	const path = file('log-level: loud');
	assert.match(refusal({ config: [path] }), /^log-level: 'loud' is not one of trace, .* \(.*\.yaml\)$/);
	assert.match(refusal({ values: { 'sse-ping-interval': ['0'] } }), /too short for an interval/);
	assert.match(refusal({ values: { 'write-timeout': ['30d'] } }), /longer than 24d/);
	assert.match(refusal({ values: { strict: ['yes'] } }), /neither true nor false/);
	assert.match(refusal({ values: { 'client-host': ['a b'] } }), /neither an IP address nor a host name/);
	assert.match(refusal({ values: { retention: ['90d'] } }), /not STATE=AGE/);
	assert.match(refusal({ values: { retention: ['A=1d', 'A=2d'] } }), /'A' is given twice/);
	assert.match(refusal({ values: { 'simple-fileserver': [join(folder, 'absent')] } }), /is not a directory/);
});

test("wfx's database and plugin options are refused with what to use instead", () => {
	assert.match(refusal({ values: { storage: ['sqlite'] } }), /^storage \(--storage\) .* under --data DIR$/);
	assert.match(refusal({}, { CAISSON_STORAGE_OPT: 'file:x' }), /^storage-opt \(CAISSON_STORAGE_OPT\)/);
	assert.match(refusal({ config: [file('mgmt-plugins-dir: /x')] }), /plugins; Caisson asks a service instead/);
});

test('https needs certificate and key', () => {
	assert.match(refusal({ values: { scheme: ['https'] } }), /^tls-certificate is needed for scheme https/);
	assert.match(
		refusal({ values: { scheme: ['https'], 'tls-certificate': ['/x'] } }),
		/^tls-key is needed for scheme https \(--scheme\)$/,
	);
});

test('a file that is not what it should be is refused by name', () => {
	for (const [text, fault] of [
		['a: [', /is not YAML/],
		['- a\n- b', /must be a list of 'option: value' lines/],
		['client-port: 1\nclient-port: 2', /is not YAML: Map keys must be unique/],
		['tls-ca: {a: b}', /tls-ca: it must be a single value or a list of them/],
		['client-port: [1, 2]', /client-port: it takes one value, not a list/],
	] as const) {
		assert.match(refusal({ config: [file(text)] }), fault);
	}
	assert.match(
		refusal({ config: [join(folder, 'absent.yaml')] }),
		/absent\.yaml cannot be read: there is no such file/,
	);
	assert.match(refusal({ config: [folder] }), /is not a file/);
});

test('a file that unfolds to gigabytes, and one that is too large, are refused', () => {
	const rows = ['a: &a0 [x, x, x, x, x, x, x, x, x]'];
	for (let level = 1; level < 12; level++) {
		rows.push(
			`k${level}: &a${level} [${Array(9)
				.fill(`*a${level - 1}`)
				.join(', ')}]`,
		);
	}
	assert.match(refusal({ config: [file(rows.join('\n'))] }), /more aliases than a configuration needs/);
	assert.match(refusal({ config: [file(`# ${'x'.repeat(1 << 20)}`)] }), /is larger than 1048576 bytes/);
});

const operations = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operations.md'), 'utf8');

test('the file that docs/operations.md shows is accepted', () => {
	const [, example = ''] = /```yaml\n(client-port:.*?)```/s.exec(operations) ?? [];
	const { values } = read({ config: [file(example.replace('/srv/files', folder))] });
	assert.deepEqual([values['client-port'], values.scheme, values.retention.length], [8080, ['http', 'unix'], 2]);
});

test('docs/operations.md names the options that take effect at once, and no others', () => {
	const [, sentence = ''] = /These options take effect at once: (.*?)\. A change/s.exec(operations) ?? [];
	const named = [...sentence.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name);
	const live = Object.entries(options).flatMap(([name, option]) => (option.live ? [name] : []));
	assert.deepEqual(named.sort(), live.sort());
});
