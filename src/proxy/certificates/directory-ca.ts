import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../shared/clock.js';
import { CodedError } from '../../shared/errors.js';
import { fileSignature } from '../../shared/file-signature.js';
import { Secret } from '../../shared/secret.js';
import type { CaSource, CertificateAuthority } from './certificate-authority.js';
import { createCa, parseCa } from './certificate-authority.js';

/** A CA in the files `tls.crt` and `tls.key`. It is created if both are missing, and read again if they change. */
export class DirectoryCa implements CaSource {
  readonly #directory: string;
  readonly #clock: Clock;
  #read: { readonly signature: string; readonly ca: CertificateAuthority } | undefined;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  current(): CertificateAuthority {
    const directory = this.#directory;
    const files = [path.join(directory, 'tls.crt'), path.join(directory, 'tls.key')] as const;
    const [certificate, key] = files;
    try {
      if (!files.some((file) => existsSync(file))) this.#create(certificate, key);
      const signature = files.map(fileSignature).join(' ');
      if (this.#read?.signature !== signature) {
        const pem = { certificate: readFileSync(certificate, 'utf8'), key: new Secret(readFileSync(key, 'utf8')) };
        this.#read = { signature, ca: parseCa(pem, `--ca-dir ${directory}`) };
      }
      return this.#read.ca;
    } catch (error) {
      if (error instanceof CodedError) throw error;
      throw new CodedError('FAILED_PRECONDITION', `the CA in --ca-dir ${directory} cannot be used`, { cause: error });
    }
  }

  #create(certificate: string, key: string): void {
    const pem = createCa(this.#clock);
    mkdirSync(this.#directory, { recursive: true });
    writeFileSync(key, pem.key.expose(), { mode: 0o600, flag: 'wx' });
    writeFileSync(certificate, pem.certificate, { mode: 0o644 });
  }
}

/** Returns a CA that exists only in the memory of this process. */
export function memoryCa(clock: Clock): CaSource {
  const ca = parseCa(createCa(clock), 'the CA in memory');
  return { current: () => ca };
}
