import { createHash } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';

/** The certificates that count for a tool. */
export interface Trust {
  /** The same for the same certificates. */
  readonly id: string;
  readonly context: SecureContext;
}

/** Connectors with CAs of their own; making one reads some 150 roots. */
const maxSets = 64;

/** Makes trust sets from PEM bundles, the same bundles giving the same set; there is no set that trusts everybody. */
export class TrustSets {
  readonly #systemRoots: () => string;
  readonly #sets = new Map<string, Trust>();
  readonly #digests = new Map<string, string>();

  /** @param systemRoots PEM bundle; the same string as long as nothing has changed. */
  constructor(systemRoots: () => string) {
    this.#systemRoots = systemRoots;
  }

  /**
   * @param added PEM bundles on top of the system's roots.
   * @throws {Error} of TLS when one of them is malformed.
   */
  of(added: readonly string[]): Trust {
    const system = this.#systemRoots();
    const id = [system, ...added].map((pem) => this.#digestOf(pem)).join(' ');
    const trust = this.#sets.get(id) ?? {
      id,
      context: createSecureContext({ ca: [system, ...added], minVersion: 'TLSv1.2' }),
    };
    this.#sets.delete(id);
    this.#sets.set(id, trust);
    if (this.#sets.size > maxSets) this.#sets.delete(this.#sets.keys().next().value ?? '');
    return trust;
  }

  /** Asked for with every request, about hundreds of kilobytes. */
  #digestOf(pem: string): string {
    let digest = this.#digests.get(pem);
    if (digest === undefined) {
      digest = createHash('sha256').update(pem).digest('base64');
      if (this.#digests.size >= maxSets) this.#digests.clear();
      this.#digests.set(pem, digest);
    }
    return digest;
  }
}
