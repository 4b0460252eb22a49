import { setMaxListeners } from 'node:events';
import type { PodIdentity } from '../../access/access-control.js';
import type { Need } from '../../access/permission.js';
import { describeMissing, proxyNeed, readNeed } from '../../access/permission.js';
import type { ConnectorRef, FeatureFlags } from '../../connectors/model.js';
import type { Secret } from '../../secret.js';
import { Refusal } from '../refusal.js';
import type { Authorizer } from './authorizer.js';
import type { Caller } from './caller.js';
import { serviceAccountOf } from './caller.js';
import type { TokenVerifier } from './token-verifier.js';

export interface GatekeeperOptions {
  readonly tokens: TokenVerifier;
  readonly authorizer: Authorizer;
  /** @throws {DriverError} when they have never been read, or cannot be understood. */
  readonly flags: (signal: AbortSignal) => Promise<FeatureFlags>;
}

interface Needs {
  readonly read: Need;
  readonly proxy: Need;
}

/** Connectors of one caller whose needs are kept; a user name holds 32. */
const maxNeeds = 64;

/** Who is it, and may it use this connector? */
export class Gatekeeper {
  readonly #options: GatekeeperOptions;
  /** What a caller needs for a connector is the same as long as the caller is. */
  readonly #needs = new WeakMap<Caller, Map<string, Needs>>();

  constructor(options: GatekeeperOptions) {
    this.#options = options;
  }

  /**
   * @param from the client's address.
   * @returns undefined for a token that does not count.
   * @throws {DriverError} when nobody could say. {Refusal} 429.
   */
  identify(token: Secret, from: string, signal: AbortSignal): Promise<Caller | undefined> {
    return this.#options.tokens.verify(token, from, signal);
  }

  /**
   * @throws {Refusal} 403 that names account, verb, resource and the rule that would allow it.
   * @throws {DriverError} when nobody could say.
   */
  async ensureMayUse(caller: Caller, connector: ConnectorRef, signal: AbortSignal): Promise<void> {
    const missing = await this.#missing(caller, connector, signal);
    if (missing.length > 0) throw denied(missing);
  }

  /**
   * For what needs no connector in particular: one of them must be allowed, whichever.
   * @returns those that are allowed.
   * @throws as `ensureMayUse`, about all of them.
   */
  async ensureMayUseAny(
    caller: Caller,
    connectors: readonly ConnectorRef[],
    signal: AbortSignal,
  ): Promise<readonly ConnectorRef[]> {
    setMaxListeners(0, signal);
    const answers = await Promise.allSettled(connectors.map((connector) => this.#missing(caller, connector, signal)));
    const allowed = connectors.filter((_connector, at) => {
      const answer = answers[at];
      return answer?.status === 'fulfilled' && answer.value.length === 0;
    });
    if (allowed.length > 0) return allowed;
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
    throw denied(answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : [])));
  }

  /** What is needed beyond reading a connector is told only to those who may read it, lest they learn that it exists. */
  async #missing(caller: Caller, connector: ConnectorRef, signal: AbortSignal): Promise<readonly Need[]> {
    const { read, proxy } = this.#needsOf(caller, connector);
    const flags = await this.#options.flags(signal);
    if (!(await this.#isMet(read, caller, signal))) return [read];
    if (!flags.connectorProxyPermissions) return [];
    return (await this.#isMet(proxy, caller, signal)) ? [] : [proxy];
  }

  #needsOf(caller: Caller, connector: ConnectorRef): Needs {
    const ofCaller = this.#needs.get(caller) ?? new Map<string, Needs>();
    const key = `${connector.namespace}/${connector.name}`;
    let needs = ofCaller.get(key);
    if (needs === undefined) {
      const pod = podOf(caller);
      needs = {
        read: readNeed(pod, connector),
        proxy: proxyNeed(pod, connector, () => caller.pod !== undefined),
      };
      if (ofCaller.size >= maxNeeds) ofCaller.clear();
      ofCaller.set(key, needs);
      this.#needs.set(caller, ofCaller);
    }
    return needs;
  }

  #isMet({ anyOf }: Need, caller: Caller, signal: AbortSignal): Promise<boolean> {
    return this.#options.authorizer.isAnyAllowed(caller, anyOf, signal);
  }
}

/** Whoever has a token that is bound to no pod has the permissions of no pod. @throws {Refusal} 403 for other users. */
function podOf({ user, pod }: Caller): PodIdentity {
  const account = serviceAccountOf(user);
  if (account === undefined) {
    throw new Refusal(403, 'denied', 'only service accounts may use connectors through the proxy');
  }
  const { namespace, name } = account;
  return { namespace, name: pod?.name ?? '', uid: pod?.uid ?? '', serviceAccountName: name };
}

function denied(missing: readonly Need[]): Refusal {
  return new Refusal(403, 'denied', describeMissing(missing));
}
