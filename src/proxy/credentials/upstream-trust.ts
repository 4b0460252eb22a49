import { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import type { Connector } from '../../shared/connectors/model.ts';
import { jsonMember, jsonText } from '../../shared/json.ts';
import { dns1123SubdomainProblem, objectKey } from '../../shared/names.ts';
import { quote } from '../../shared/message-text.ts';
import { Misconfiguration } from '../proxy-error.ts';
import { hasCertificate } from '../tool/trust.ts';
import type { ClientCertificate, PemBundle, Trust, TrustStoreCache } from '../tool/trust.ts';
import type { SecretName, SecretObject, SecretSource } from '../secrets/secret-source.ts';
import { certificateBlocksIn } from '../secrets/secret-source.ts';
import { proxyLimits } from '../limits.ts';
import type { ThreadShares } from '../thread-shares.ts';

const noBundle: PemBundle = [];
const maxLength = proxyLimits.connector.caBytes;
const maxCount = proxyLimits.connector.caCertificates;

/**
 * Selects the CA certificates for a Connector's tool: the system's, those for all Connectors, and the Connector's own.
 */
export class UpstreamTrust {
  readonly #secrets: SecretSource;
  readonly #stores: TrustStoreCache;
  readonly #threads: ThreadShares;
  /** One creation in each turn of the event loop: no request is served meanwhile. */
  readonly #turns = new FairSemaphore({ permits: 1 });

  constructor(secrets: SecretSource, stores: TrustStoreCache, threads: ThreadShares) {
    this.#threads = threads;
    this.#secrets = secrets;
    this.#stores = stores;
  }

  /**
   * Returns the trust store for tools whose Connector names no CA. The first call takes some 20 ms: it parses all CAs.
   */
  ofAll(): Trust {
    return this.#stores.getOrCreate(this.#secrets.labelledCas().map(certificateBlocksIn));
  }

  /**
   * Returns the trust store for a Connector's tool.
   * @param client certificate that the proxy presents.
   * @throws {ProxyError} 429 if the namespace is rate-limited.
   * @throws {ProxyError} 502 if the Secret of `spec.caCertSecretRef` does not exist, or has no or too many certificates.
   * @throws {CodedError} if the Secret cannot be read now.
   */
  async of(connector: Connector, signal: AbortSignal, client?: ClientCertificate): Promise<Trust> {
    const ref = caSecretOf(connector);
    const own = ref === undefined ? noBundle : bundleIn(await this.#secrets.get(ref, signal), connector);
    const ofAll = this.#secrets.labelledCas().map(certificateBlocksIn);
    const bundles = own === noBundle ? ofAll : [...ofAll, own];
    const id = this.#stores.keyOf(bundles, client);
    const trust = this.#stores.get(id) ?? (await this.#create(connector, id, bundles, client, signal));
    if (own !== noBundle && !hasCertificate(own)) throw unusable(connector, noCertificate);
    return trust;
  }

  /** Creates a trust store, unless another request has created it meanwhile. */
  async #create(
    { ref, object }: Connector,
    id: string,
    bundles: readonly PemBundle[],
    client: ClientCertificate | undefined,
    signal: AbortSignal,
  ): Promise<Trust> {
    const { namespace } = ref;
    const owner = caSecretNameOf({ object }) === undefined && client === undefined ? '' : namespace;
    const tooMany = `too many CAs of namespace ${namespace} (caCertSecretRef)`;
    await this.#threads.wait(namespace, tooMany, signal);
    const release = await this.#turns.acquire({ namespace, podUid: '' }, signal);
    try {
      const known = this.#stores.get(id);
      if (known !== undefined) return known;
      this.#threads.ensureFree(namespace, tooMany);
      return this.#threads.measure(namespace, () => {
        for (const bundle of bundles) hasCertificate(bundle);
        return this.#stores.getOrCreate(bundles, owner, client);
      });
    } finally {
      release();
    }
  }
}

/**
 * Returns the name of the Secret with the Connector's own CA; undefined if the Connector names none.
 * @throws {ProxyError} 502 if the name is invalid.
 */
function caSecretOf(connector: Connector): SecretName | undefined {
  const name = caSecretNameOf(connector);
  if (name === undefined) return undefined;
  const nameProblem = dns1123SubdomainProblem(name);
  if (nameProblem !== undefined) {
    const problem = `spec.caCertSecretRef.name ${quote(name)} ${nameProblem}`;
    throw new Misconfiguration('InvalidCACert', `${problem} (connector ${objectKey(connector.ref)})`);
  }
  return { namespace: connector.ref.namespace, name };
}

/**
 * Returns the blocks of the Connector's own CA, unparsed. They are parsed with the trust store, which is rate-limited.
 * @throws {ProxyError} 502 if the Secret does not exist, or has no or too many certificates.
 */
function bundleIn(secret: SecretObject | undefined, connector: Connector): PemBundle {
  if (secret === undefined) throw unusable(connector, 'does not exist', 'CACertSecretNotFound');
  const blocks = certificateBlocksIn(secret);
  const length = blocks.reduce((sum, block) => sum + block.length, 0);
  if (length > maxLength) throw unusable(connector, `holds more than ${maxLength >> 10} KiB of certificates`);
  if (blocks.length > maxCount) throw unusable(connector, `holds more than ${maxCount} certificates`);
  if (blocks.length === 0) throw unusable(connector, noCertificate);
  return blocks;
}

const noCertificate = 'holds no certificate in PEM';

/** Returns the name in `spec.caCertSecretRef`; undefined if the Connector names no CA of its own. */
export function caSecretNameOf({ object }: Pick<Connector, 'object'>): string | undefined {
  return jsonText(jsonMember(object['spec'], 'caCertSecretRef'), 'name');
}

function unusable(
  connector: Connector,
  problem: string,
  reason: Misconfiguration['reason'] = 'InvalidCACert',
): Misconfiguration {
  const { ref } = connector;
  const secret = `Secret ${ref.namespace}/${caSecretNameOf(connector) ?? ''} of spec.caCertSecretRef`;
  const fix = 'it has to hold the certificate of the CA';
  return new Misconfiguration(reason, `${secret} ${problem} (connector ${objectKey(ref)}): ${fix}`);
}
