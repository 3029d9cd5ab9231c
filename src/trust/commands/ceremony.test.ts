// `caisson trust ceremony`, `sign` and `status` as people at a table see them: plans, questions, rotations, refusals.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { trustWorld } from '../../../programs/cli/trust-world.ts';
import { writePerson } from '../../../testing/ceremony/people.ts';
import { CaissonError } from '../../errors.ts';
import { type RecordingOptions, recordingTerminal } from '../../terminal/recording-terminal.ts';
import { trustCommands } from '../commands.ts';

const root = mkdtempSync(join(tmpdir(), 'caisson-ceremony-'));
after(() => rmSync(root, { recursive: true }));
const keys = join(root, 'keys');
const people = ['ann', 'ben', 'cleo', 'dan', 'rita', 'ron', 'online'];
for (const name of people) writePerson(keys, name);
for (const name of ['q1', 'q2']) writePerson(keys, name, 'ml-dsa-65');

let folder: string;
let count = 0;
beforeEach(() => {
	folder = join(root, String(count++));
	mkdirSync(folder);
});
const at = (name: string) => join(folder, name);
const pem = (name: string) => join(keys, `${name}.pem`);
const publicFile = (name: string) => join(keys, `${name}.public.json`);

async function run(words: readonly string[], options: RecordingOptions = {}) {
	const terminal = recordingTerminal(options);
	const command = trustCommands(terminal, trustWorld);
	const quiet = (each: typeof command): void => {
		each.exitOverride().configureOutput({ writeErr: () => {} });
		for (const below of each.commands) quiet(below as typeof command);
	};
	quiet(command);
	await command.parseAsync([...words], { from: 'user' });
	return terminal;
}
const refused = (words: readonly string[], code: string, message: RegExp) =>
	assert.rejects(run(words), (error: unknown) => {
		assert.ok(error instanceof CaissonError, String(error));
		assert.equal(error.code, code, error.message);
		assert.match(error.message, message);
		return true;
	});
const signBy = (name: string, file: string, ...more: readonly string[]) =>
	run(['sign', at(file), '--key', pem(name), '--yes', ...more]);
const json = (file: string) => JSON.parse(readFileSync(at(file), 'utf8'));

const planText = (
	rootRole = '{ keys: [ann, ben, cleo], threshold: 2, expires: 365d }',
	more: readonly string[] = [],
) => `keys:
${[...people, ...more].map((name) => `  - ${publicFile(name)}`).join('\n')}
roles:
  root: ${rootRole}
  targets: { keys: [ann, ben], threshold: 1 }
  snapshot: { keys: [online], threshold: 1 }
  timestamp: { keys: [online], threshold: 1 }
delegations:
  - { name: releases, keys: [rita, ron], threshold: 1, terminating: true, paths: [releases/*], expires: 180d }
  - { name: bins, keys: [online], threshold: 1, paths: every }
`;

async function held(text = planText()): Promise<void> {
	writeFileSync(at('plan.yaml'), text);
	await run(['ceremony', '--plan', at('plan.yaml'), '-o', folder]);
}

describe('caisson trust ceremony', () => {
	it('writes unsigned documents and the record, and shows every key', async () => {
		writeFileSync(at('plan.yaml'), planText());
		const { stdoutText, stderrText } = await run(['ceremony', '--plan', at('plan.yaml'), '-o', at('out')]);
		assert.deepEqual(readdirSync(at('out')), ['1.releases.json', '1.root.json', '1.targets.json', 'record-1.root.txt']);
		assert.match(stdoutText, /^root: 2 of 3 keys, signed by people\n {2}Key +Kind +Key id/);
		assert.match(stdoutText, /releases: 1 of 2 keys, signed by people; releases\/\*, terminating/);
		assert.match(stderrText, /Warning: ann, ben hold keys of root and targets/);
		assert.match(stderrText, /The key dan is named, and signs nothing/);
		const digest = /1\.root\.json: .*\n {2}SHA-256 ([0-9a-f ]+)/.exec(stdoutText)?.[1] ?? 'none';
		assert.ok(readFileSync(at('out/record-1.root.txt'), 'utf8').includes(digest));
		assert.deepEqual(json('out/1.root.json').signatures, []);
	});

	it('gives JSON for a program', async () => {
		writeFileSync(at('plan.yaml'), planText());
		const words = ['ceremony', '--plan', at('plan.yaml'), '-o', at('out'), '--format', 'json'];
		const result = JSON.parse((await run(words)).stdoutText);
		assert.deepEqual(Object.keys(result), ['documents', 'roles', 'warnings', 'record']);
		assert.deepEqual(Object.keys(result.documents[0]), ['role', 'version', 'expires', 'digest', 'differences', 'file']);
	});

	it('asks on a terminal, keeps the answers as a plan, and writes what was agreed', async () => {
		const answers = [keys, 'online', 'ann ben nobody', 'ann ben cleo', '9', '2', '', 'ann ben', '1', '100'];
		const typed = [...answers, 'rita ron', '1', '', 'releases/**', 'releases/*', 'yes', 'yes'];
		const { stderrText, exitCode } = await run(['ceremony', '-o', at('out')], { onTerminal: true, typed });
		assert.equal(exitCode, 0);
		assert.match(stderrText, /There is no key "nobody"\./);
		assert.match(stderrText, /A number from 1 to 3\./);
		assert.match(stderrText, /holds "\*\*"/);
		assert.equal(json('out/1.root.json').signed.roles.root.threshold, 2);
		// The plan that was kept makes the same documents.
		await run(['ceremony', '--plan', at('out/ceremony.yaml'), '-o', at('again')]);
		assert.deepEqual(json('again/1.targets.json').signed.delegations, json('out/1.targets.json').signed.delegations);
	});

	it('writes nothing when the person says no, or when nobody can be asked', async () => {
		writeFileSync(at('plan.yaml'), planText());
		const words = ['ceremony', '--plan', at('plan.yaml'), '-o', at('out')];
		const { exitCode } = await run(words, { onTerminal: true, typed: ['no'] });
		assert.equal(exitCode, 1);
		assert.equal(existsSync(at('out')), false);
		await refused(['ceremony', '-o', at('out')], 'usage-wrong', /name a plan with --plan/);
	});

	it('refuses thresholds that cannot be reached and roles that only look hybrid, and writes nothing', async () => {
		for (const [role, message] of [
			['{ keys: [ann, ben], threshold: 3 }', /2 keys and a threshold of 3/],
			['{ keys: [ann, ben, q1, q2], threshold: 2 }', /must be at least 3/],
			['{ keys: [ann, online], threshold: 1 }', /whoever breaks in owns it/],
		] as const) {
			writeFileSync(at('plan.yaml'), planText(role, ['q1', 'q2']));
			await refused(['ceremony', '--plan', at('plan.yaml'), '-o', at('out')], 'trust-role-refused', message);
			assert.equal(existsSync(at('out')), false);
		}
	});

	it('overwrites nothing, not even a part', async () => {
		await held();
		rmSync(at('1.root.json'));
		await refused(
			['ceremony', '--plan', at('plan.yaml'), '-o', folder],
			'file-unusable',
			/1\.targets\.json exists already/,
		);
		assert.equal(existsSync(at('1.root.json')), false);
	});

	it('extends, rotates keys, and changes thresholds of a root', async () => {
		await held();
		const next = ['ceremony', 'root', '--from', at('1.root.json'), '-o', folder];
		const changes = [
			'--remove-key',
			'cleo',
			'--add-key',
			publicFile('dan'),
			'--threshold',
			'3',
			'--expires',
			'2090-01-01',
		];
		const { stdoutText } = await run([...next, ...changes]);
		assert.match(
			stdoutText,
			/root: key dan .* is added\n {2}root: key cleo .* is removed\n {2}root: 3 keys must sign instead of 2/,
		);
		assert.equal(json('2.root.json').signed.expires, '2090-01-01T00:00:00Z');
		await refused([...next, '--remove-key', 'zoe'], 'usage-wrong', /has the keys ann, ben, cleo/);
		await refused([...next, '--add-key', publicFile('ann')], 'usage-wrong', /has the key ann already/);
		await refused([...next, '--role', 'releases', '--threshold', '2'], 'usage-wrong', /root names root, targets/);
	});

	it('passes over no expiry in silence', async () => {
		writeFileSync(at('plan.yaml'), planText().replace('paths: every', 'paths: every, expires: 9d'));
		await refused(
			['ceremony', '--plan', at('plan.yaml'), '-o', folder],
			'trust-plan-invalid',
			/bins: it has an expires/,
		);
		await held();
		const root = (text: string) => writeFileSync(at('next.yaml'), `roles: { ${text} }\n`);
		const next = ['ceremony', 'root', '--from', at('1.root.json'), '--plan', at('next.yaml'), '-o', at('next')];
		root('targets: { keys: [ann], threshold: 1, expires: 9d }');
		await refused(next, 'trust-plan-invalid', /roles\.targets: expires stands in the document of the role/);
		root('root: { keys: [ann, ben], threshold: 1, expires: 2090-01-01 }');
		await run(next);
		assert.equal(json('next/2.root.json').signed.expires, '2090-01-01T00:00:00Z');
	});

	it('changes who signs releases, by words and by a plan; the targets stay', async () => {
		await held();
		const from = ['ceremony', 'targets', '--from', at('1.targets.json')];
		await run([...from, '--role', 'releases', '--remove-key', 'rita', '--add-key', publicFile('dan'), '-o', at('a')]);
		const [releases, bins] = json('a/2.targets.json').signed.delegations.roles;
		assert.deepEqual([releases.keyids.length, bins.name], [2, 'bins']);
		writeFileSync(
			at('next.yaml'),
			`keys: [${publicFile('dan')}]\ndelegations:\n  - { name: releases, keys: [dan, ron], threshold: 2, paths: [releases/*] }\n`,
		);
		const { stdoutText } = await run([...from, '--plan', at('next.yaml'), '-o', at('b')]);
		assert.match(stdoutText, /the role "bins" is removed/);
		assert.match(stdoutText, /releases: 2 keys must sign instead of 1/);
	});
});

describe('caisson trust sign', () => {
	it('shows what is new, adds one signature, and says who is missing', async () => {
		await held();
		const { stdoutText } = await signBy('ann', '1.root.json');
		assert.match(stdoutText, /^Role: +root, version 1\n/);
		assert.match(stdoutText, /Signed by ann\./);
		assert.match(stdoutText, /By root version 1: 2 needed, signed by ann; 1 more of ben, cleo/);
		const again = await signBy('ann', '1.root.json');
		assert.match(again.stdoutText, /ann had signed before/);
		assert.equal(json('1.root.json').signatures.length, 1);
		assert.deepEqual(
			readdirSync(folder).filter((name) => name.startsWith('.')),
			[],
		);
	});

	it('asks on a terminal, and wants --yes elsewhere', async () => {
		await held();
		const words = ['sign', at('1.root.json'), '--key', pem('ann')];
		assert.equal((await run(words, { onTerminal: true, typed: ['no'] })).exitCode, 1);
		await refused(words, 'usage-wrong', /pass --yes/);
		assert.deepEqual(json('1.root.json').signatures, []);
		assert.equal((await run(words, { onTerminal: true, typed: ['yes'] })).exitCode, 0);
		assert.equal(json('1.root.json').signatures.length, 1);
	});

	it('refuses a key that the role does not name, and leaves the file as it is', async () => {
		await held();
		const before = readFileSync(at('1.root.json'), 'utf8');
		await refused(
			['sign', at('1.root.json'), '--key', pem('dan'), '--yes'],
			'trust-signature-refused',
			/ann, ben, cleo may sign it/,
		);
		assert.equal(readFileSync(at('1.root.json'), 'utf8'), before);
	});

	it('refuses a document that was changed after somebody signed it, or that a stranger signed', async () => {
		await held();
		await signBy('ann', '1.root.json');
		const document = json('1.root.json');
		writeFileSync(
			at('1.root.json'),
			JSON.stringify({ ...document, signed: { ...document.signed, expires: '2099-01-01T00:00:00Z' } }),
		);
		const words = ['sign', at('1.root.json'), '--key', pem('ben'), '--yes'];
		await refused(words, 'trust-signature-refused', /signature by ann does not verify. The document was changed/);
		writeFileSync(at('1.root.json'), JSON.stringify({ ...document, signatures: [{ keyid: 'x', sig: '00' }] }));
		await refused(words, 'trust-signature-refused', /none of this role/);
	});

	it('refuses a document that breaks a rule, whoever made it, and one that has expired', async () => {
		await held();
		const document = json('1.root.json');
		const { root: role } = document.signed.roles;
		document.signed.roles.root = { ...role, threshold: 4 };
		writeFileSync(at('1.root.json'), JSON.stringify(document));
		const words = ['sign', at('1.root.json'), '--key', pem('ann'), '--yes'];
		await refused(words, 'trust-role-refused', /3 keys and a threshold of 4/);
		document.signed.roles.root = role;
		document.signed.expires = '2020-01-01T00:00:00Z';
		writeFileSync(at('1.root.json'), JSON.stringify(document));
		await refused(words, 'trust-role-refused', /which is past/);
	});

	it('wants to know whose keys count, and takes a trusted root before what lies beside', async () => {
		await held();
		mkdirSync(at('alone'));
		writeFileSync(at('alone/1.targets.json'), readFileSync(at('1.targets.json')));
		const words = ['sign', at('alone/1.targets.json'), '--key', pem('ann'), '--yes'];
		await refused(words, 'trust-role-unknown', /Name the root with --root/);
		const { stdoutText } = await run([...words, '--root', at('1.root.json')]);
		assert.match(stdoutText, /Keys by: .*1\.root\.json\n/);
		// A forged root beside does not count against the trusted one of the same version.
		const forged = json('1.root.json');
		forged.signed.roles.targets.keyids = [JSON.parse(readFileSync(publicFile('cleo'), 'utf8')).keyid];
		writeFileSync(at('alone/1.root.json'), JSON.stringify(forged));
		const cleo = ['sign', at('alone/1.targets.json'), '--key', pem('cleo'), '--yes', '--root', at('1.root.json')];
		await refused(cleo, 'trust-signature-refused', /ann, ben may sign it/);
	});

	it('does not let a newer root beside name the keys when a trusted root is given', async () => {
		await held();
		const newer = json('1.root.json');
		newer.signed.version = 9;
		newer.signed.roles.targets.keyids = [JSON.parse(readFileSync(publicFile('cleo'), 'utf8')).keyid];
		writeFileSync(at('9.root.json'), JSON.stringify(newer));
		writeFileSync(at('trusted.json'), readFileSync(at('1.root.json')));
		const words = ['sign', at('1.targets.json'), '--yes', '--root', at('trusted.json'), '--key'];
		await refused([...words, pem('cleo')], 'trust-signature-refused', /ann, ben may sign it/);
		const { stdoutText } = await run([...words, pem('ann')]);
		assert.match(stdoutText, /By root version 1: 1 needed, signed by ann; complete/);
	});

	it('signs a root that follows with a key of the old root, and with one of the new', async () => {
		await held();
		const changes = ['--remove-key', 'cleo', '--add-key', publicFile('dan')];
		await run(['ceremony', 'root', '--from', at('1.root.json'), '-o', folder, ...changes]);
		const old = await signBy('cleo', '2.root.json', '--root', at('1.root.json'));
		assert.match(old.stdoutText, /By root version 1: 2 needed, signed by cleo; 1 more of ann, ben\n/);
		const fresh = await signBy('dan', '2.root.json');
		assert.match(fresh.stdoutText, /By root version 2: 2 needed, signed by dan; 1 more of ann, ben\n/);
		await refused(
			['sign', at('2.root.json'), '--key', pem('rita'), '--yes'],
			'trust-signature-refused',
			/ann, ben, cleo, dan/,
		);
	});

	it('joins the copies of two people, and not those of two documents', async () => {
		await held();
		mkdirSync(at('copy'));
		for (const name of ['1.root.json', '1.targets.json']) writeFileSync(at(`copy/${name}`), readFileSync(at(name)));
		await signBy('ann', '1.root.json');
		await signBy('ben', 'copy/1.root.json');
		const { stdoutText } = await run([
			'sign',
			at('1.root.json'),
			'--merge',
			at('copy/1.root.json'),
			'-o',
			at('joined.json'),
		]);
		assert.match(stdoutText, /joined\.json: 2 signatures\nBy root version 1: 2 needed, signed by ann, ben; complete/);
		await run(['ceremony', 'root', '--from', at('1.root.json'), '-o', at('other')]);
		const words = ['sign', at('1.root.json'), '--merge', at('other/2.root.json')];
		await refused(words, 'trust-signature-refused', /not copies of one document/);
	});

	it('refuses what is no document, with its file', async () => {
		for (const [text, message] of [
			['', /bad\.json: /],
			['{"signed":null,"signatures":[]}', /no document of The Update Framework/],
			['{"signatures":[],"signatures":[],"signed":{"_type":"root"}}', /bad\.json: /],
			['[1.5]', /bad\.json: /],
			[`${'['.repeat(5000)}`, /bad\.json: /],
		] as const) {
			writeFileSync(at('bad.json'), text);
			await refused(['sign', at('bad.json'), '--key', pem('ann'), '--yes'], 'trust-metadata-malformed', message);
		}
		await refused(['sign', folder, '--key', pem('ann'), '--yes'], 'file-unusable', /is no file/);
	});
});

describe('caisson trust status', () => {
	it('ends with 1 until everything is signed, and names who is missing', async () => {
		await held();
		await signBy('ann', '1.root.json');
		const half = await run(['status', '--dir', folder]);
		assert.equal(half.exitCode, 1);
		assert.match(half.stdoutText, /root +1 +\S+ +\d+ +signatures missing/);
		assert.match(half.stdoutText, /root 1, by root version 1: 2 needed, signed by ann; 1 more of ben, cleo/);
		await signBy('ben', '1.root.json');
		await signBy('ben', '1.targets.json');
		await signBy('rita', '1.releases.json');
		const whole = await run(['status', '--dir', folder, '--format', 'json']);
		assert.equal(whole.exitCode, 0, whole.stdoutText);
		const { complete, roles, keys: facts } = JSON.parse(whole.stdoutText);
		assert.equal(complete, true);
		assert.deepEqual(
			roles.map(({ role, state }: { role: string; state: string }) => [role, state]),
			[
				['root', 'signed'],
				['targets', 'signed'],
				['releases', 'signed'],
			],
		);
		assert.deepEqual(facts[roles[0].checks[0].signed[0]], { kind: 'ed25519', label: 'ann' });
	});

	it('asks the server where no files are named', async () => {
		await refused(['status'], 'server-unreachable', /This test has no server/);
	});
});
