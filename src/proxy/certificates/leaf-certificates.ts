import { generateKeyPairSync } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { BoundedMap } from '../../limits/bounded-map.js';
import type { Clock } from '../../clock.js';
import type { CertificateAuthority } from './certificate-authority.js';
import { signLeaf } from './x509.js';

const hourMs = 3_600_000;
/** Short, since nobody revokes them; back-dated for clients whose clock is behind. */
const validForMs = 24 * hourMs;
const backdatedMs = hourMs;
/** A certificate is renewed when less than that is left: tunnels that are opened now may check it late. */
const renewBeforeMs = 6 * hourMs;
/** Of Connectors' hosts. Tenants make Connectors as they like, and what is kept must not grow with that. */
const maxHosts = 1000;

interface Leaf {
  readonly context: SecureContext;
  readonly authority: CertificateAuthority;
  readonly renewAtMs: number;
}

/**
 * Certificates for the hosts whose TLS ends in the proxy, made when first asked for and kept in memory. All share one key,
 * made anew with each process: the key costs more than the signature, and whoever has one of them has the process.
 */
export class LeafCertificates {
  readonly #authority: () => CertificateAuthority;
  readonly #clock: Clock;
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #leaves = new BoundedMap<string, Leaf>(maxHosts);

  /** @param authority the CA as it is now; another one makes other certificates. */
  constructor(authority: () => CertificateAuthority, clock: Clock) {
    this.#authority = authority;
    this.#clock = clock;
  }

  /** @param host a DNS name or an IP address. @throws {DriverError} while there is no CA. */
  contextFor(host: string): SecureContext {
    const authority = this.#authority();
    const known = this.#leaves.get(host);
    const isGood = known?.authority === authority && known.renewAtMs > this.#clock.now();
    const leaf = isGood ? known : this.#create(host, authority);
    this.#leaves.set(host, leaf);
    return leaf.context;
  }

  #create(host: string, authority: CertificateAuthority): Leaf {
    const nowMs = this.#clock.now();
    const notAfterMs = Math.min(nowMs + validForMs, authority.expiresAtMs);
    const validity = { notBefore: new Date(nowMs - backdatedMs), notAfter: new Date(notAfterMs) };
    const certificate = signLeaf(authority.issuer, this.#keys.publicKey, host, validity);
    const context = createSecureContext({
      cert: `${certificate}${authority.certificate}`,
      key: this.#keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      minVersion: 'TLSv1.2',
    });
    return { context, authority, renewAtMs: notAfterMs - renewBeforeMs };
  }
}
