import { readFileSync } from 'node:fs';
import { CodedError } from '../errors.ts';
import { Secret } from '../secret.ts';

/** The token that authenticates the program to the API server. */
export interface BearerToken {
  /** @throws {CodedError} FAILED_PRECONDITION if there is no token; names the file. */
  current(): Secret;
  /**
   * Looks for another token after the server rejected this one.
   * @returns whether `current()` differs now, perhaps because a concurrent call has renewed it.
   */
  renew(rejected: Secret): boolean;
}

/** Reports whether the text is valid as a token in an HTTP header. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** Returns a token that never changes. */
export function staticToken(token: Secret): BearerToken {
  return { current: () => token, renew: () => false };
}

/**
 * Maximum age of a token before the file is read again; client-go reads it once a minute too. The kubelet replaces a
 * projected token at 80 % of its lifetime of an hour or so.
 */
const maxAgeMs = 60_000;

/** A token in a file that another program replaces before it expires. */
export class TokenFile implements BearerToken {
  readonly #file: string;
  readonly #now: () => number;
  #token: Secret | undefined;
  #readAtMs = 0;

  /** @param now a clock in milliseconds. */
  constructor(file: string, now: () => number) {
    this.#file = file;
    this.#now = now;
  }

  current(): Secret {
    if (this.#token === undefined || this.#now() - this.#readAtMs >= maxAgeMs) this.#read();
    if (this.#token === undefined) {
      throw new CodedError('FAILED_PRECONDITION', `${this.#file}: no token of the service account can be read`);
    }
    return this.#token;
  }

  renew(rejected: Secret): boolean {
    if (rejected.equals(this.#token)) this.#read();
    return !rejected.equals(this.#token);
  }

  /** Reads the file. If that fails, the old token stays: it may still be valid, and the server decides. */
  #read(): void {
    this.#readAtMs = this.#now();
    const text = readTrimmed(this.#file);
    if (text !== undefined && isToken(text)) this.#token = new Secret(text);
  }
}

function readTrimmed(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
