import { readFileSync } from 'node:fs';
import { CodedError, orCodedError } from '../shared/errors.ts';
import { fileSignature } from '../shared/file-signature.ts';
import type { Log } from '../shared/log.ts';
import { certificatesOnly } from '../shared/pem.ts';

/** Interval between checks of the file, in milliseconds. */
const checkMs = 1000;

/**
 * The driver-wide CA bundle of `--proxy-ca-file`, read again when the file changes. If the file becomes unreadable or
 * invalid, the last good bundle stays and the problem is logged.
 */
export class ProxyCaFile {
  readonly #path: string;
  readonly #log: Log;
  #signature = '';
  #timer: NodeJS.Timeout | undefined;
  #bundle: string | undefined;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Calls the listener soon after the bundle has changed. */
  watch(onChange: () => void): void {
    let current = this.lastGood();
    this.#timer = setInterval(() => {
      const bundle = this.lastGood();
      if (bundle !== current) onChange();
      current = bundle;
    }, checkMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Returns the bundle of `read`; undefined if there has never been one. */
  lastGood(): string | undefined {
    const found = orCodedError(() => this.read());
    return found instanceof CodedError ? undefined : found;
  }

  /** Returns why `read` fails now; undefined if it does not. */
  problem(): string | undefined {
    const found = orCodedError(() => this.read());
    return found instanceof CodedError ? found.message : undefined;
  }

  /** Returns the bundle. @throws {CodedError} FAILED_PRECONDITION if it was never readable. */
  read(): string {
    let signature = 'unreadable';
    try {
      signature = fileSignature(this.#path);
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
  // A private key must not be on every node, so it is an error that the operator sees.
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) {
    throw new CodedError('FAILED_PRECONDITION', 'the file holds a private key: give it certificates only');
  }
  const certificates = certificatesOnly(text);
  if (certificates === '') throw new CodedError('FAILED_PRECONDITION', 'the file holds no PEM certificate');
  return certificates;
}
