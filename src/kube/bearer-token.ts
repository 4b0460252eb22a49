import { readFileSync } from 'node:fs';
import { CodedError } from '../errors.js';
import { Secret } from '../secret.js';

/** The token that authenticates the driver at the API server. */
export interface BearerToken {
  /** @throws {CodedError} FAILED_PRECONDITION when there is none; names the file. */
  current(): Secret;
  /**
   * The server did not accept `refused`: looks for another one.
   * @returns whether `current()` is another one now, perhaps because a call beside this one has looked already.
   */
  renew(refused: Secret): boolean;
}

/** Whether the text can be sent as a token; an HTTP header takes no other. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

export class StaticToken implements BearerToken {
  readonly #token: Secret;

  constructor(token: Secret) {
    this.#token = token;
  }

  current(): Secret {
    return this.#token;
  }

  renew(): boolean {
    return false;
  }
}

/** The kubelet replaces a projected token at 80 % of its life, an hour or so; client-go reads once a minute too. */
const maxAgeMs = 60_000;

/** A token in a file that somebody else replaces before it expires. */
export class TokenFile implements BearerToken {
  readonly #file: string;
  readonly #now: () => number;
  #token: Secret | undefined;
  #readAtMs = 0;

  /** @param now any clock in milliseconds. */
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

  renew(refused: Secret): boolean {
    if (refused.equals(this.#token)) this.#read();
    return !refused.equals(this.#token);
  }

  /** An old token is kept when the file cannot be read: it may still be good, and the server is the judge. */
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
