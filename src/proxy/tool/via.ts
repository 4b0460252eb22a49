import { hash, randomUUID } from 'node:crypto';
import { ProxyError } from '../proxy-error.ts';
import type { RawHeaders } from './headers.ts';
import { valuesOf } from './headers.ts';

/**
 * The name of this proxy in `Via` (RFC 9110, 7.6.3). All replicas have the same name and no other proxy has it. So a
 * request that loops is detected even if addresses do not show it, for example behind an ingress.
 */
export class Via {
  readonly #identity: () => string | undefined;
  readonly #ownIdentity = randomUUID();
  /** Each message needs it, and the identity changes with the CA only. */
  #named = { identity: '', name: '' };

  /** @param identity returns a value that only the replicas of this proxy share; undefined while it is unknown. */
  constructor(identity: () => string | undefined) {
    this.#identity = identity;
  }

  /** The headers that this proxy adds to messages. */
  get headers(): RawHeaders {
    return ['Via', `1.1 ${this.#name}`];
  }

  /** @throws {ProxyError} 508 for a request that has passed through this proxy before. */
  ensureFirstPass(rawHeaders: RawHeaders): void {
    const values = valuesOf(rawHeaders, 'via');
    if (values.length === 0) return;
    const name = this.#name;
    const passed = values.flatMap((value) => value.split(',')).map((hop) => hop.trim().split(/\s+/)[1]);
    if (!passed.some((each) => each?.toLowerCase() === name)) return;
    const message =
      'this request has passed this proxy before (Via): set the address of the Connector to that of the tool, which leads back here';
    throw new ProxyError(508, 'loop', message);
  }

  get #name(): string {
    const identity = this.#identity() ?? this.#ownIdentity;
    if (identity !== this.#named.identity)
      this.#named = { identity, name: `connectors-proxy-${hash('sha256', identity).slice(0, 16)}` };
    return this.#named.name;
  }
}
