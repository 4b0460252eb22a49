import { SharedCalls } from '../../access/shared-calls.js';
import type { Connector } from '../../connectors/model.js';
import { jsonMember } from '../../json.js';
import { Refusal, paced } from '../refusal.js';
import type { Trust, TrustSets } from '../upstream/trust.js';
import type { QuestionPace } from '../../load/question-pace.js';
import type { SecretSource } from './secret-source.js';
import { certificatesIn } from './secret-source.js';

/** The same object as long as its Secret is the same. */
type Bundle = readonly string[];

const noBundle: Bundle = [];
/** All roots of a system are less. Certificates take five times as much in memory, and sets of them are kept. */
const maxOwnLength = 256 * 1024;

/** Which certificates count for a Connector's tool: the system's, those for all Connectors, and the Connector's own. */
export class ToolTrust {
  readonly #secrets: SecretSource;
  readonly #sets: TrustSets;
  readonly #pace: QuestionPace;
  /** By namespace and set. */
  readonly #making = new SharedCalls<Trust>();
  /** The sets themselves are not held here: there may be thousands of Connectors, each with a CA of its own. */
  readonly #known = new WeakMap<Connector, { readonly bundles: readonly Bundle[]; readonly id: string }>();

  /** @param pace of sets that have to be made, by namespace: nobody else is served meanwhile. */
  constructor(secrets: SecretSource, sets: TrustSets, pace: QuestionPace) {
    this.#pace = pace;
    this.#secrets = secrets;
    this.#sets = sets;
  }

  /** Of every tool whose Connector names no CA. Making the first set takes some 20 ms, as it reads all roots. */
  ofAll(): Trust {
    return this.#sets.of([...this.#secrets.labelledCas().map(certificatesIn), noBundle].flat());
  }

  /**
   * @throws {Refusal} 429 when its namespace has too many sets made; 502 when `spec.caCertSecretRef` names what is not there, holds no certificate or too many.
   * @throws {DriverError} when it cannot be read now.
   */
  async of(connector: Connector, signal: AbortSignal): Promise<Trust> {
    const bundles = [...this.#secrets.labelledCas().map(certificatesIn), await this.#ownOf(connector, signal)];
    let known = this.#known.get(connector);
    if (known === undefined || !isSame(known.bundles, bundles)) {
      known = { bundles, id: this.#sets.idOf(bundles.flat()) };
      this.#known.set(connector, known);
    }
    return this.#sets.kept(known.id) ?? this.#shared(connector.ref.namespace, known.id, bundles.flat(), signal);
  }

  /** Makes a set once for all requests of a namespace that need it now; one namespace never waits for another's rate limit. */
  #shared(namespace: string, id: string, bundles: Bundle, signal: AbortSignal): Promise<Trust> {
    return this.#making.run(`${namespace} ${id}`, signal, (shared) => this.#made(namespace, bundles, shared));
  }

  async #made(namespace: string, bundles: Bundle, signal: AbortSignal): Promise<Trust> {
    const make = (): Promise<Trust> => Promise.resolve(this.#sets.of(bundles));
    const made = await this.#pace.ask(namespace, make, () => false, signal);
    if (made === undefined) throw paced(`namespace ${namespace} has used too many CAs of its own (caCertSecretRef)`);
    return made.answer;
  }

  async #ownOf({ ref, object }: Connector, signal: AbortSignal): Promise<readonly string[]> {
    const name = jsonMember(jsonMember(object['spec'], 'caCertSecretRef'), 'name');
    if (typeof name !== 'string' || name === '') return noBundle;
    const secret = await this.#secrets.get({ namespace: ref.namespace, name }, signal);
    const found = secret === undefined ? [] : certificatesIn(secret);
    const length = found.reduce((sum, pem) => sum + pem.length, 0);
    if (found.length > 0 && length <= maxOwnLength) return found;
    const problem =
      secret === undefined
        ? 'does not exist'
        : length > maxOwnLength
          ? 'holds more than 256 KiB of certificates'
          : 'holds no certificate in PEM';
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
