// Which PKCS#11 URIs name a key, and how wrong ones and the answers of pkcs11-tool are read.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { readObjects, readTokens } from './pkcs11-tool.ts';
import { formatPkcs11Uri, parsePkcs11Uri } from './pkcs11-uri.ts';
import { asn1Signature, edwardsPublicKey, ellipticPublicKey } from './token-encodings.ts';

describe('PKCS#11 URI', () => {
	it('is read as RFC 7512 writes it', () => {
		const uri = 'pkcs11:token=The%20Software%20PKCS%2311;serial=db77;object=my-sign-key;type=private;id=%69%95%3e';
		assert.deepEqual(parsePkcs11Uri(`${uri}?module-path=/usr/lib/a.so&pin-source=file:///run/pin`), {
			token: 'The Software PKCS#11',
			serial: 'db77',
			object: 'my-sign-key',
			id: '69953e',
			modulePath: '/usr/lib/a.so',
			pinFile: '/run/pin',
		});
		assert.deepEqual(parsePkcs11Uri('pkcs11:slot-id=327;model=M;manufacturer=%c3%a4'), {
			slotId: 327,
			model: 'M',
			manufacturer: 'ä',
		});
	});

	it('is written so that it reads back', () => {
		const uri = { token: 'a;b=c?', serial: '1', object: 'ü %', id: '00ff' };
		assert.deepEqual(parsePkcs11Uri(formatPkcs11Uri(uri)), uri);
	});

	it('never holds a PIN, and the refusal does not repeat it', () => {
		assert.throws(
			() => parsePkcs11Uri('pkcs11:token=a?pin-value=123456'),
			({ code, message }) => code === 'key-unusable' && /pin-value/.test(message) && !/123456/.test(message),
		);
	});

	for (const [uri, rule] of [
		['pkcs12:token=a', /does not start with/],
		['pkcs11:token', /name=value/],
		['pkcs11:=a', /name=value/],
		['pkcs11:token=', /"token" is empty/],
		['pkcs11:token=a;token=b', /"token" is there twice/],
		['pkcs11:token=%', /followed by two digits/],
		['pkcs11:token=%ff', /is not UTF-8/],
		['pkcs11:object=%0a', /control character/],
		['pkcs11:type=cert', /a key is private/],
		['pkcs11:slot-id=-1', /slot-id is not a number/],
		['pkcs11:x-vendor=1', /"x-vendor" is not supported/],
		['pkcs11:token=a?module-name=b', /"module-name" is not supported/],
		['pkcs11:token=a?module-path=b.so', /module-path is not an absolute path/],
		['pkcs11:token=a?a=b?c', /more than one "\?"/],
		[`pkcs11:token=${'a'.repeat(4096)}`, /longer than 4096/],
	] as const) {
		it(`is refused: ${uri.slice(0, 40)}`, () => {
			assert.throws(() => parsePkcs11Uri(uri), { code: 'key-unusable', message: rule });
		});
	}
});

describe('answers of pkcs11-tool', () => {
	it('name initialised tokens only', () => {
		const text =
			'Available slots:\nSlot 0 (0x5af66fd2): SoftHSM slot ID 0x5af66fd2\n  token label        : trial\n' +
			'  token manufacturer : SoftHSM project\n  token model        : SoftHSM v2\n' +
			'  token flags        : login required, rng, token initialized, PIN initialized, other flags=0x20\n' +
			'  hardware version   : 2.6\n  serial num         : c33c0d93daf66fd2\n  pin min/max        : 4/255\n' +
			'Slot 1 (0x1): SoftHSM slot ID 0x1\n  token state:   uninitialized\n';
		const [token, ...others] = readTokens(text);
		assert.deepEqual(others, []);
		assert.deepEqual([token?.slot, token?.label, token?.serial], ['0x5af66fd2', 'trial', 'c33c0d93daf66fd2']);
		assert.ok(token?.flags.includes('login required'));
	});

	it('name keys with what follows the hexadecimal digits left out, as newer versions write it', () => {
		const [key] = readObjects(
			'Public Key Object; EC  EC_POINT 256 bits\n  EC_POINT:   0441AB\n  EC_PARAMS:  06082a8648ce3d030107 (OID 1.2.840.10045.3.1.7)\n' +
				'  label:      my key\n  ID:         01ff\n  Usage:      verify\n  uri:        pkcs11:model=x\n',
		);
		assert.deepEqual(key, {
			type: 'public',
			algorithm: 'EC',
			label: 'my key',
			id: '01ff',
			point: '0441ab',
			parameters: '06082a8648ce3d030107',
		});
	});
});

describe('encodings of tokens', () => {
	it('make a public key of every form of a point', () => {
		const { publicKey } = generateKeyPairSync('ed25519');
		const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
		for (const form of [point, `0420${point}`, `032100${point}`]) {
			assert.ok(edwardsPublicKey(form).equals(publicKey), form.slice(0, 6));
		}
		const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
		const bare = elliptic.export({ format: 'der', type: 'spki' }).subarray(-65).toString('hex');
		assert.ok(ellipticPublicKey('06082a8648ce3d030107', `0441${bare}`).equals(elliptic));
		for (const broken of ['', '04', `0421${point}`, bare.slice(2)]) assert.throws(() => edwardsPublicKey(broken));
		assert.throws(() => ellipticPublicKey('06052b81040023', bare), /unknown curve/);
	});

	it('write r and s as DER integers: no sign taken for a digit, no leading zeros', () => {
		const hex = (text: string) => Buffer.from(text, 'hex');
		assert.deepEqual(Buffer.from(asn1Signature(hex('0001ff02'))), hex('3008020101020300ff02'));
		assert.deepEqual(Buffer.from(asn1Signature(hex('00000000'))), hex('3006020100020100'));
		assert.deepEqual(Buffer.from(asn1Signature(hex('7f000080'))), hex('300802027f0002020080'));
	});
});
