import { createHash } from 'node:crypto';
import type { KeyObject, X509Certificate } from 'node:crypto';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import { orThrow } from '../../shared/errors.ts';
import { parsedOnce } from '../../shared/per-object.ts';
import { certificateBlocks } from '../../shared/pem.ts';
import { Secret } from '../../shared/secret.ts';
import { proxyLimits } from '../limits.ts';
import type { SecretObject } from '../secrets/secret-source.ts';
import { unusableSecret } from '../secrets/secret-source.ts';
import { certificateIn } from '../tool/trust.ts';
import type { ClientCertificate } from '../tool/trust.ts';
import { privateKeyIn, rsaProblem } from './private-key.ts';

interface Pair {
  readonly chain: string;
  readonly key: Secret;
  readonly validFromMs: number;
  readonly validToMs: number;
}

const { clientCertificateBytes: maxBytes, clientCertificates: maxCount } = proxyLimits.connector;

/** Returns the certificate in a Secret of type `kubernetes.io/tls`, for the tool of one Connector. @throws {CodedError} */
export function clientCertificateIn(
  secret: SecretObject,
  { namespace, name }: ConnectorRef,
  nowMs: number,
): ClientCertificate {
  const { chain, key, validFromMs, validToMs } = orThrow(pairIn(secret));
  if (nowMs > validToMs) throw unusableSecret(`its tls.crt expired on ${dayOf(validToMs)}`, 'renew it');
  if (nowMs < validFromMs) {
    throw unusableSecret(`its tls.crt is not valid before ${dayOf(validFromMs)}`, 'wait, or use another one');
  }
  const digest = createHash('sha256').update(chain).digest('base64');
  return { id: `${namespace}/${name} ${digest}`, chain, key };
}

/** Parsed once: the first certificate is that of the key, and others are the chain to its CA. */
const pairIn = parsedOnce(({ data }: SecretObject): Pair => {
  const blocks = certificateBlocks(data.get('tls.crt')?.expose() ?? '');
  const chain = blocks.map((block) => `${block}\n`).join('');
  if (blocks.length > maxCount || chain.length > maxBytes) {
    const problem = `its tls.crt has more than ${maxCount} certificates or ${maxBytes >> 10} KiB`;
    throw unusableSecret(problem, 'leave only the certificate and its intermediates');
  }
  const certificates = blocks.map(certificateIn);
  const [first] = certificates;
  if (first === undefined || certificates.includes(undefined)) {
    throw unusableSecret('its tls.crt is no chain of certificates in PEM', 'begin with the certificate of tls.key');
  }
  const key = keyIn(data.get('tls.key')?.expose() ?? '', first);
  return {
    chain,
    // Written again, so that OpenSSL reads what was checked.
    key: new Secret(key.export({ type: 'pkcs8', format: 'pem' }).toString()),
    validFromMs: Date.parse(first.validFrom),
    validToMs: Date.parse(first.validTo),
  };
});

/** Returns the key of a certificate. @throws {CodedError} */
function keyIn(text: string, certificate: X509Certificate): KeyObject {
  const key = privateKeyIn(text);
  if (key === undefined && text.includes('ENCRYPTED')) {
    throw unusableSecret('its tls.key is encrypted', 'store it without a passphrase (openssl pkey -in FILE)');
  }
  if (key === undefined) {
    const fix = 'use RSA of 2048 to 4096 bits, or EC with P-256, P-384 or P-521';
    throw unusableSecret('its tls.key is not one key in PEM', fix);
  }
  const problem = key.asymmetricKeyType === 'rsa' ? rsaProblem(key) : undefined;
  if (problem !== undefined) throw unusableSecret(`its tls.key ${problem}`, 'use RSA of 2048 to 4096 bits');
  if (certificate.checkPrivateKey(key)) return key;
  throw unusableSecret('its tls.key is not that of the first certificate in tls.crt', 'put both of one pair into it');
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
