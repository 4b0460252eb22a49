import { generateKeyPairSync } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { BoundedMap } from '../../limits/bounded-map.js';
import type { Clock } from '../../clock.js';
import type { CertificateAuthority } from './certificate-authority.js';
import { signLeaf } from './x509.js';
import { limits } from '../../limits/defaults.js';

const hourMs = 3_600_000;
const validForMs = limits.certificates.validMs;
const backdatedMs = hourMs;
/** A certificate is renewed when less than that is left: tunnels that are opened now may check it late. */
const renewBeforeMs = 6 * hourMs;
const maxHosts = limits.certificates.hosts;

interface Leaf {
  readonly context: SecureContext;
  readonly ca: CertificateAuthority;
  readonly renewAtMs: number;
}

/**
 * Certificates for the hosts whose TLS ends in the proxy, made when first asked for and kept in memory. All share one key,
 * made anew with each process: the key costs more than the signature, and whoever has one of them has the process.
 */
export class LeafCertificates {
  readonly #ca: () => CertificateAuthority;
  readonly #clock: Clock;
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #leaves = new BoundedMap<string, Leaf>(maxHosts);

  /** @param authority the CA as it is now; another one makes other certificates. */
  constructor(ca: () => CertificateAuthority, clock: Clock) {
    this.#ca = ca;
    this.#clock = clock;
  }

  /** @param host a DNS name or an IP address. @throws {CodedError} while there is no CA. */
  contextFor(host: string): SecureContext {
    const ca = this.#ca();
    const known = this.#leaves.get(host);
    const isGood = known?.ca === ca && known.renewAtMs > this.#clock.now();
    const leaf = isGood ? known : this.#create(host, ca);
    this.#leaves.set(host, leaf);
    return leaf.context;
  }

  #create(host: string, ca: CertificateAuthority): Leaf {
    const nowMs = this.#clock.now();
    const notAfterMs = Math.min(nowMs + validForMs, ca.expiresAtMs);
    const validity = { notBefore: new Date(nowMs - backdatedMs), notAfter: new Date(notAfterMs) };
    const certificate = signLeaf(ca.issuer, this.#keys.publicKey, host, validity);
    const context = createSecureContext({
      cert: `${certificate}${ca.certificate}`,
      key: this.#keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      minVersion: 'TLSv1.2',
    });
    return { context, ca, renewAtMs: notAfterMs - renewBeforeMs };
  }
}
