import { createHash } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';

/** The certificates that count for a tool. */
export interface Trust {
  /** The same for the same certificates. */
  readonly id: string;
  readonly context: SecureContext;
}

/** Those of Connectors with CAs of their own, the ones used last. A set has 1 MB, and takes 20 ms: it reads all roots. */
const maxSets = 48;

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
    const id = this.idOf(added);
    const known = this.kept(id);
    if (known !== undefined) return known;
    const context = createSecureContext({ ca: [this.#systemRoots(), ...added], minVersion: 'TLSv1.2' });
    const trust = { id, context };
    this.#sets.set(id, trust);
    if (this.#sets.size > maxSets) this.#sets.delete(this.#sets.keys().next().value ?? '');
    return trust;
  }

  /** Of the set that `of` makes. */
  idOf(added: readonly string[]): string {
    return [this.#systemRoots(), ...added].map((pem) => this.#digestOf(pem)).join(' ');
  }

  /** A set that need not be made. */
  kept(id: string): Trust | undefined {
    const trust = this.#sets.get(id);
    if (trust === undefined) return undefined;
    this.#sets.delete(id);
    this.#sets.set(id, trust);
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
