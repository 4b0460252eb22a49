import { constants, generateKeyPairSync } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import type { Clock } from '../../shared/clock.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { signLeaf } from './x509.ts';
import { proxyLimits } from '../limits.ts';

const hourMs = 3_600_000;
const validForMs = proxyLimits.certificates.validMs;
const backdatedMs = hourMs;
/**
 * Remaining validity below which a certificate is replaced. Clients can verify it late in a tunnel that is opened now.
 */
const renewBeforeMs = 6 * hourMs;
const maxHosts = proxyLimits.certificates.hosts;

interface Leaf {
  readonly context: SecureContext;
  readonly ca: CertificateAuthority;
  readonly renewAtMs: number;
}

/**
 * Certificates for hosts whose TLS the proxy terminates, created on demand and cached in memory. All share one key,
 * generated at startup: a key costs more than a signature. A key per host would not be safer, as an attacker with one
 * key has the memory of the process.
 */
export class LeafCertificates {
  readonly #ca: () => CertificateAuthority;
  readonly #clock: Clock;
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #leaves = new BoundedMap<Leaf>(maxHosts);

  /** @param ca returns the current CA. If it changes, certificates are issued again. */
  constructor(ca: () => CertificateAuthority, clock: Clock) {
    this.#ca = ca;
    this.#clock = clock;
  }

  /**
   * Returns the TLS context for a host, or for all names of one.
   * @param hosts DNS names and IP addresses; the first one is the subject.
   * @throws {CodedError} while there is no CA.
   */
  contextFor(...hosts: readonly [string, ...string[]]): SecureContext {
    const ca = this.#ca();
    const key = hosts.join(' ');
    const cached = this.#leaves.get(key);
    const isValid = cached?.ca === ca && cached.renewAtMs > this.#clock.now();
    const leaf = isValid ? cached : this.#create(hosts, ca);
    this.#leaves.set(key, leaf);
    return leaf.context;
  }

  #create(hosts: readonly [string, ...string[]], ca: CertificateAuthority): Leaf {
    const nowMs = this.#clock.now();
    const notAfterMs = Math.min(nowMs + validForMs, ca.expiresAtMs);
    const validity = { notBefore: new Date(nowMs - backdatedMs), notAfter: new Date(notAfterMs) };
    const certificate = signLeaf(ca.issuer, this.#keys.publicKey, hosts, validity);
    const context = createSecureContext({
      cert: `${certificate}${ca.certificate}`,
      key: this.#keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      minVersion: 'TLSv1.2',
      ecdhCurve: proxyLimits.certificates.curves,
      // A handshake costs as much CPU time as several requests, and further ones of a connection have no limit.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    });
    return { context, ca, renewAtMs: notAfterMs - renewBeforeMs };
  }
}
