import type { Connector } from '../../connectors/model.js';
import { jsonMember } from '../../json.js';
import { Refusal } from '../refusal.js';
import type { Trust, TrustSets } from '../upstream/trust.js';
import type { SecretSource } from './secret-source.js';
import { certificatesIn } from './secret-source.js';

/** Which certificates count for a Connector's tool: the system's, those for all Connectors, and the Connector's own. */
export class ToolTrust {
  readonly #secrets: SecretSource;
  readonly #sets: TrustSets;

  constructor(secrets: SecretSource, sets: TrustSets) {
    this.#secrets = secrets;
    this.#sets = sets;
  }

  /**
   * @throws {Refusal} 502 when `spec.caCertSecretRef` names what is not there or holds no certificate.
   * @throws {DriverError} when it cannot be read now.
   */
  async of(connector: Connector, signal: AbortSignal): Promise<Trust> {
    const shared = this.#secrets.labelledCas().flatMap(certificatesIn);
    return this.#sets.of([...shared, ...(await this.#ownOf(connector, signal))]);
  }

  async #ownOf({ ref, object }: Connector, signal: AbortSignal): Promise<readonly string[]> {
    const name = jsonMember(jsonMember(object['spec'], 'caCertSecretRef'), 'name');
    if (typeof name !== 'string' || name === '') return [];
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
