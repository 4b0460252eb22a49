import { readFileSync, statSync } from 'node:fs';
import { CodedError } from '../errors.js';
import type { Log } from '../log.js';
import { certificatesOnly } from '../pem.js';

/** Milliseconds between two looks at the file. */
const lookMs = 1000;

/**
 * The driver-wide CA bundle of `--proxy-ca-file`, read again when the file changes. A file that has become unreadable
 * or is no PEM keeps the last good bundle and is reported.
 */
export class ProxyCaFile {
  readonly #path: string;
  readonly #log: Log;
  #signature = '';
  #looking: NodeJS.Timeout | undefined;
  #bundle: string | undefined;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Calls the listener soon after the bundle has changed. */
  watch(onChange: () => void): void {
    let known = this.lastGood();
    this.#looking = setInterval(() => {
      const bundle = this.lastGood();
      if (bundle !== known) onChange();
      known = bundle;
    }, lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#looking);
  }

  /** The bundle that `read` gives; undefined when there has never been one. */
  lastGood(): string | undefined {
    return this.problem() === undefined ? this.#bundle : undefined;
  }

  /** Why `read` fails now; undefined when it does not. */
  problem(): string | undefined {
    try {
      this.read();
      return undefined;
    } catch (error) {
      if (error instanceof CodedError) return error.message;
      throw error;
    }
  }

  /** @throws {CodedError} FAILED_PRECONDITION when it has never been readable. */
  read(): string {
    let signature = 'unreadable';
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(this.#path, { bigint: true });
      signature = [ino, size, mtimeNs, ctimeNs].join('.');
      if (signature !== this.#signature) this.#bundle = parsePem(readFileSync(this.#path, 'utf8'));
    } catch (error) {
      if (this.#bundle === undefined) {
        const why = error instanceof Error ? error.message : 'it cannot be read';
        const message = `--proxy-ca-file ${this.#path} of the driver cannot be used: ${why}`;
        throw new CodedError('FAILED_PRECONDITION', message, { cause: error });
      }
      if (signature !== this.#signature) {
        this.#log.error('Failed to read --proxy-ca-file, keeping the last good bundle', { path: this.#path, error });
      }
    }
    this.#signature = signature;
    if (this.#bundle === undefined) throw new CodedError('INTERNAL', '--proxy-ca-file was not read');
    return this.#bundle;
  }
}

function parsePem(text: string): string {
  // A key does not belong on every node either, so the operator has to hear of it.
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) {
    throw new CodedError('FAILED_PRECONDITION', 'the file holds a private key: give it certificates only');
  }
  const certificates = certificatesOnly(text);
  if (certificates === '') throw new CodedError('FAILED_PRECONDITION', 'the file holds no PEM certificate');
  return certificates;
}
