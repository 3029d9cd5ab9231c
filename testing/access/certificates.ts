// Certificates for tests of who may pass: a CA, devices of it with chosen names and times, and lists that revoke them, all
// made by openssl. Ask for none of this outside tests: keys are in the clear.

import { execFileSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Pair {
	readonly certificate: string;
	readonly key: string;
}

export interface CertificateWishes {
	/** As openssl's -subj writes it. */
	readonly subject?: string;
	/** As openssl's subjectAltName writes it. */
	readonly alternativeNames?: string;
	/** Below 0: it has expired. */
	readonly days?: number;
	/** serverAuth, clientAuth. */
	readonly usage?: string;
}

export class TestAuthority {
	readonly folder: string;
	readonly name: string;
	readonly pair: Pair;
	#revoked: string[] = [];

	constructor(folder: string, name: string) {
		this.folder = folder;
		this.name = name;
		this.pair = this.#files(name);
		const made = ['req', '-x509', ...curve, '-days', '30', '-subj', `/CN=${name}`];
		openssl([...made, '-keyout', this.pair.key, '-out', this.pair.certificate]);
	}

	/** A certificate; its subject is /CN=NAME unless wished otherwise. */
	issue(name: string, wishes: CertificateWishes = {}): Pair {
		const { subject = `/CN=${name}`, alternativeNames, days = 20, usage = 'clientAuth' } = wishes;
		const pair = this.#files(`${this.name}-${name}`);
		const request = `${pair.certificate}.csr`;
		const extensions = `${pair.certificate}.ext`;
		const names = alternativeNames === undefined ? '' : `subjectAltName=${alternativeNames}\n`;
		writeFileSync(extensions, `basicConstraints=critical,CA:FALSE\nextendedKeyUsage=${usage}\n${names}`);
		openssl(['req', '-new', ...curve, '-subj', subject, '-keyout', pair.key, '-out', request]);
		const by = ['-CA', this.pair.certificate, '-CAkey', this.pair.key, '-extfile', extensions, '-days', String(days)];
		openssl([
			'x509',
			'-req',
			'-in',
			request,
			...by,
			'-set_serial',
			`0x${randomBytes(8).toString('hex')}`,
			'-out',
			pair.certificate,
		]);
		return pair;
	}

	/** A certificate for servers on this machine. */
	issueServer(name: string): Pair {
		return this.issue(name, { alternativeNames: 'DNS:localhost,IP:127.0.0.1,IP:::1', usage: 'serverAuth' });
	}

	revoke(pair: Pair): void {
		const { serialNumber } = new X509Certificate(readFileSync(pair.certificate));
		this.#revoked.push(`R\t401231235959Z\t200101000000Z\t${serialNumber}\tunknown\t/CN=x\n`);
	}

	/** Writes the list of what was revoked so far, good for 10 days. */
	writeRevocationList(file: string): void {
		const [configuration, database] = [join(this.folder, `${this.name}.cnf`), join(this.folder, `${this.name}.txt`)];
		writeFileSync(database, this.#revoked.join(''));
		writeFileSync(configuration, `[ca]\ndefault_ca=it\n[it]\ndatabase=${database}\ndefault_md=sha256\n`);
		const keys = ['-keyfile', this.pair.key, '-cert', this.pair.certificate];
		openssl(['ca', '-gencrl', '-config', configuration, ...keys, '-crldays', '10', '-out', file]);
	}

	#files(name: string): Pair {
		return { certificate: join(this.folder, `${name}.crt`), key: join(this.folder, `${name}.key`) };
	}
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

function openssl(words: readonly string[]): void {
	execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
