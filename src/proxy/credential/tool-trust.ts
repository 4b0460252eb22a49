import type { Connector } from '../../connectors/model.js';
import { jsonMember } from '../../json.js';
import { Refusal } from '../refusal.js';
import type { Trust, TrustSets } from '../upstream/trust.js';
import type { SecretSource } from './secret-source.js';
import { certificatesIn } from './secret-source.js';

/** The same object as long as its Secret is the same. */
type Bundle = readonly string[];

const noBundle: Bundle = [];

/** Which certificates count for a Connector's tool: the system's, those for all Connectors, and the Connector's own. */
export class ToolTrust {
  readonly #secrets: SecretSource;
  readonly #sets: TrustSets;
  readonly #known = new WeakMap<Connector, { readonly bundles: readonly Bundle[]; readonly trust: Trust }>();

  constructor(secrets: SecretSource, sets: TrustSets) {
    this.#secrets = secrets;
    this.#sets = sets;
  }

  /** Of every tool whose Connector names no CA. Making the first set takes some 20 ms, as it reads all roots. */
  ofAll(): Trust {
    return this.#sets.of([...this.#secrets.labelledCas().map(certificatesIn), noBundle].flat());
  }

  /**
   * @throws {Refusal} 502 when `spec.caCertSecretRef` names what is not there or holds no certificate.
   * @throws {DriverError} when it cannot be read now.
   */
  async of(connector: Connector, signal: AbortSignal): Promise<Trust> {
    const bundles = [...this.#secrets.labelledCas().map(certificatesIn), await this.#ownOf(connector, signal)];
    const known = this.#known.get(connector);
    if (known !== undefined && isSame(known.bundles, bundles)) return known.trust;
    const trust = this.#sets.of(bundles.flat());
    this.#known.set(connector, { bundles, trust });
    return trust;
  }

  async #ownOf({ ref, object }: Connector, signal: AbortSignal): Promise<readonly string[]> {
    const name = jsonMember(jsonMember(object['spec'], 'caCertSecretRef'), 'name');
    if (typeof name !== 'string' || name === '') return noBundle;
    const secret = await this.#secrets.get({ namespace: ref.namespace, name }, signal);
    const found = secret === undefined ? [] : certificatesIn(secret);
    if (found.length > 0) return found;
    const problem = secret === undefined ? 'does not exist' : 'holds no certificate in PEM';
    throw new Refusal(
      502,
      'misconfigured',
      `connector ${ref.namespace}/${ref.name} cannot be used: the Secret ${ref.namespace}/${name} of spec.caCertSecretRef ${problem}`,
    );
  }
}

function isSame(some: readonly Bundle[], others: readonly Bundle[]): boolean {
  return some.length === others.length && some.every((each, at) => each === others[at]);
}
