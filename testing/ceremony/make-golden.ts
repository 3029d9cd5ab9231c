// Makes testdata/trust/ceremony anew: keys, plans and documents for the golden tests of the command line. Run it by hand; the
// keys differ each time, so the case file is written anew after it.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { trustKeys } from '../../src/outside/signer/trust-keys.ts';
import { keyEntryText, listedKey } from '../../src/trust/rules/ceremony/key-entry.ts';
import {
	makeRoot,
	payloadToSign,
	serializeMetadata,
	unsigned,
	withSignature,
} from '../../src/trust/rules/metadata/make.ts';
import type { MadeKey } from '../../src/trust/signer.ts';

const folder = fileURLToPath(new URL('../../testdata/trust/ceremony/', import.meta.url));
const people = { alice: 'ed25519', bob: 'ecdsa-p256', online: 'ed25519', quentin: 'ml-dsa-65' } as const;

mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}passphrase`, 'for tests only\n', { mode: 0o600 });
writeFileSync(`${folder}wrong-passphrase`, 'not the passphrase\n', { mode: 0o600 });
const made: Record<string, MadeKey> = {};
for (const [label, kind] of Object.entries(people)) {
	const file = `${folder}${label}.pem`;
	rmSync(file, { force: true });
	const key = await trustKeys.create(file, kind, `${folder}passphrase`);
	writeFileSync(`${folder}${label}.public.json`, keyEntryText({ label, keyid: key.keyid, key: key.key }));
	made[label] = key;
}
const entry = (label: string) => ({ label, ...(made[label] as MadeKey) });
const [alice, bob, online] = [entry('alice'), entry('bob'), entry('online')];
const one = { keyids: [online.keyid], threshold: 1 };
const root = makeRoot({
	...{ version: 1, expires: '2126-01-01T00:00:00Z' },
	keys: Object.fromEntries([alice, bob, online].map((each) => [each.keyid, listedKey(each)])),
	roles: {
		root: { keyids: [alice.keyid, bob.keyid], threshold: 2 },
		targets: { keyids: [alice.keyid], threshold: 1 },
		...{ snapshot: one, timestamp: one },
	},
});
const signer = await trustKeys.open({ key: `${folder}alice.pem`, passphraseFile: `${folder}passphrase` });
const sig = Buffer.from(await signer.sign(payloadToSign(root))).toString('hex');
const signed = withSignature(unsigned(root), { keyid: alice.keyid, sig });
mkdirSync(`${folder}signed`, { recursive: true });
mkdirSync(`${folder}altered`, { recursive: true });
writeFileSync(`${folder}signed/1.root.json`, serializeMetadata(signed));
const altered = readFileSync(`${folder}signed/1.root.json`, 'utf8').replace('2126-01-01', '2127-01-01');
writeFileSync(`${folder}altered/1.root.json`, altered);

const plan = (root: string) => `keys: [alice.public.json, bob.public.json, online.public.json, quentin.public.json]
roles:
  root: ${root}
  targets: { keys: [alice, bob], threshold: 1 }
  snapshot: { keys: [online], threshold: 1 }
  timestamp: { keys: [online], threshold: 1 }
`;
writeFileSync(`${folder}unreachable.yaml`, plan('{ keys: [alice, bob], threshold: 3 }'));
writeFileSync(`${folder}hybrid.yaml`, plan('{ keys: [alice, bob, quentin], threshold: 2 }'));
writeFileSync(`${folder}twice.yaml`, plan('{ keys: [alice, alice], threshold: 2 }'));
writeFileSync(`${folder}online.yaml`, plan('{ keys: [alice, online], threshold: 1 }'));
