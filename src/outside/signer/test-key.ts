// Makes a key and a self-signed certificate for trying things out: what a device in a test root or on a desk trusts. It
// leaves out everything that a real signing key needs (a passphrase, a token, an issuer, a rotation plan): the subject says so.

import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BitString, Integer, OctetString, Utf8String } from 'asn1js';
import {
	AttributeTypeAndValue,
	BasicConstraints,
	Certificate,
	CryptoEngine,
	Extension,
	ExtKeyUsage,
	type ICryptoEngine,
} from 'pkijs';
import { CaissonError } from '../../errors.ts';
import type { TestKey, TestKeyOptions } from '../../update/signer.ts';

const day = 86_400_000;

/**
 * Writes DIR/test-key.pem (0600) and DIR/test-certificate.pem; DIR is made where absent. Existing files are not
 * overwritten. The certificate has the extended key usages emailProtection and codeSigning.
 * @throws CaissonError file-unusable
 */
export async function createTestKey(directory: string, options: TestKeyOptions): Promise<TestKey> {
	const keys = await webcrypto.subtle.generateKey(
		{
			name: 'RSASSA-PKCS1-v1_5',
			hash: 'SHA-256',
			publicExponent: new Uint8Array([1, 0, 1]),
			modulusLength: options.bits ?? 3072,
		},
		true,
		['sign', 'verify'],
	);
	const certificate = await selfSigned(keys, options);
	const keyFile = join(directory, 'test-key.pem');
	const certificateFile = join(directory, 'test-certificate.pem');
	const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
	try {
		await mkdir(directory, { recursive: true });
		await writeFile(keyFile, pem('PRIVATE KEY', pkcs8), { mode: 0o600, flag: 'wx' });
		await writeFile(certificateFile, pem('CERTIFICATE', certificate), { mode: 0o644, flag: 'wx' });
	} catch (cause) {
		const fault = cause as NodeJS.ErrnoException;
		const reason = fault.code === 'EEXIST' ? 'it exists already' : (fault.code ?? String(fault));
		throw new CaissonError('file-unusable', `${fault.path ?? directory} cannot be written (${reason}).`, { cause });
	}
	return { keyFile, certificateFile };
}

async function selfSigned(keys: webcrypto.CryptoKeyPair, options: TestKeyOptions): Promise<ArrayBuffer> {
	const engine = new CryptoEngine({ name: 'node', crypto: webcrypto as never }) as unknown as ICryptoEngine;
	const certificate = new Certificate();
	certificate.version = 2; // X.509 version 3
	// A positive serial number: the first byte stays below 0x80.
	certificate.serialNumber = new Integer({ valueHex: new Uint8Array([1, ...randomBytes(15)]).buffer });
	for (const name of [certificate.subject, certificate.issuer]) {
		name.typesAndValues.push(
			new AttributeTypeAndValue({
				type: '2.5.4.3', // common name
				value: new Utf8String({ value: options.commonName ?? 'Caisson test key (not for production)' }),
			}),
		);
	}
	certificate.notBefore.value = new Date(options.now - day);
	certificate.notAfter.value = new Date(options.now + 365 * day);
	await certificate.subjectPublicKeyInfo.importKey(keys.publicKey as never, engine);
	const publicKey = certificate.subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView;
	const keyIdentifier = new Uint8Array(createHash('sha1').update(publicKey).digest()).buffer; // RFC 5280, 4.2.1.2 (1)
	certificate.extensions = [
		extension('2.5.29.19', true, new BasicConstraints({ cA: false }).toSchema()),
		// digitalSignature alone: bit 0 set, seven bits unused
		extension('2.5.29.15', true, new BitString({ valueHex: new Uint8Array([0x80]).buffer, unusedBits: 7 })),
		extension('2.5.29.37', false, new ExtKeyUsage({ keyPurposes: [emailProtection, codeSigning] }).toSchema()),
		extension('2.5.29.14', false, new OctetString({ valueHex: keyIdentifier })),
	];
	await certificate.sign(keys.privateKey as never, 'SHA-256', engine);
	return certificate.toSchema(true).toBER(false);
}

const emailProtection = '1.3.6.1.5.5.7.3.4';
const codeSigning = '1.3.6.1.5.5.7.3.3';

function extension(extnID: string, critical: boolean, value: { toBER(sizeOnly?: boolean): ArrayBuffer }): Extension {
	return new Extension({ extnID, critical, extnValue: value.toBER(false) });
}

function pem(label: string, der: ArrayBuffer): string {
	const lines = Buffer.from(der)
		.toString('base64')
		.replaceAll(/.{64}(?=.)/g, '$&\n');
	return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
