import { X509Certificate, createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { SecureContext } from 'node:tls';
import { createSecureContext, rootCertificates } from 'node:tls';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { perObject } from '../../shared/per-object.ts';
import type { Secret } from '../../shared/secret.ts';
import { proxyLimits } from '../limits.ts';

/** A trust store for a tool. */
export interface Trust {
  /** Identifies the certificates: equal for equal certificates. */
  readonly id: string;
  readonly context: SecureContext;
}

/** A certificate that the proxy presents to the tool of one Connector. */
export interface ClientCertificate {
  /** Changes with the certificate, and is another one for each Connector: connections of a trust store are shared. */
  readonly id: string;
  /** PEM, the certificate first. */
  readonly chain: string;
  /** PEM. */
  readonly key: Secret;
}

/** PEM blocks of one source, unparsed. */
export type PemBundle = readonly string[];

/** Creates trust stores from PEM blocks and caches them, fairly by owner. Every trust store verifies certificates. */
export class TrustStoreCache {
  readonly #systemRoots: () => PemBundle;
  readonly #stores = new BoundedMap<Trust>(proxyLimits.trustStores.count);

  /** @param systemRoots returns always the same array. */
  constructor(systemRoots: () => PemBundle) {
    this.#systemRoots = systemRoots;
  }

  /**
   * Returns the trust store, cached or created.
   * @param bundles PEM blocks in addition to the system's CA certificates. They are parsed only on creation.
   * @param owner namespace that chose certificates; empty for none.
   * @throws the error of OpenSSL for a client certificate that it rejects.
   */
  getOrCreate(bundles: readonly PemBundle[], owner = '', client?: ClientCertificate): Trust {
    const id = this.keyOf(bundles, client);
    const cached = this.get(id);
    if (cached !== undefined) return cached;
    // Node ignores blocks that are not certificates.
    const ca = [...this.#systemRoots(), ...bundles.flat()];
    const presented = client && { cert: client.chain, key: client.key.expose() };
    const trust = { id, context: createSecureContext({ ca, ...presented, minVersion: 'TLSv1.2' }) };
    this.#stores.set(id, trust, owner);
    return trust;
  }

  /** Returns the cache key of the trust store that `getOrCreate` returns. */
  keyOf(bundles: readonly PemBundle[], client?: ClientCertificate): string {
    return [...[this.#systemRoots(), ...bundles].map(bundleDigest), ...(client ? [client.id] : [])].join(' ');
  }

  get(id: string): Trust | undefined {
    return this.#stores.get(id);
  }
}

/** By bundle, which is the same array until it changes. */
const bundleDigest = perObject((bundle: PemBundle) => {
  const hash = createHash('sha256');
  for (const text of bundle) hash.update(`${text.length} ${text}`);
  return hash.digest('base64');
});

/** Reports whether there is a certificate in a bundle. */
export const hasCertificate = perObject((bundle: PemBundle) =>
  bundle.some((block) => certificateIn(block) !== undefined),
);

/** Returns the certificate in a PEM block; undefined if it is none. */
export function certificateIn(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

const systemCaFile = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Returns the CA certificates of the system in PEM: those of its file, or Node's own if it does not exist. They are read
 * once, because images are replaced and not changed.
 */
export function systemRoots(): () => PemBundle {
  let roots: PemBundle | undefined;
  return () => (roots ??= existsSync(systemCaFile) ? [readFileSync(systemCaFile, 'utf8')] : rootCertificates);
}
