import { setMaxListeners } from 'node:events';
import type { PodIdentity } from '../../access/access-control.js';
import type { ApprovalCase } from '../../access/access-request.js';
import type { Need, Permission } from '../../access/permission.js';
import { describeMissing, isApprovalOn, proxyNeed, readNeed } from '../../access/permission.js';
import type { ConnectorRef, FeatureFlags } from '../../connectors/model.js';
import type { Clock } from '../../clock.js';
import type { Secret } from '../../secret.js';
import { Refusal } from '../refusal.js';
import type { Caller } from './caller.js';
import { serviceAccountOf } from './caller.js';
import type { Authorizer, PodApprovals, TokenVerifier } from './ports.js';
import { tokenClaims } from './token-claims.js';

export interface GatekeeperOptions {
  readonly tokens: TokenVerifier;
  readonly authorizer: Authorizer;
  readonly approvals: PodApprovals;
  readonly audience: string;
  readonly clock: Clock;
  /** @throws {DriverError} when they have never been read, or cannot be understood. */
  readonly flags: (signal: AbortSignal) => Promise<FeatureFlags>;
}

interface Needs {
  readonly read: Need;
  readonly proxy: Need;
  /** The permissions of `proxy`, each alone. */
  readonly ofAccount: readonly Permission[];
  readonly ofPod: readonly Permission[];
  readonly approval: ApprovalCase;
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
   * @throws {DriverError} when it could not be determined. {Refusal} 429.
   */
  identify(token: Secret, from: string, signal: AbortSignal): Promise<Caller | undefined> {
    return this.#options.tokens.verify(token, from, signal);
  }

  /** What is wrong with a token that does not count, as far as its own claims show. */
  problemOf(token: Secret): string {
    const { audience, clock } = this.#options;
    const claims = tokenClaims(token);
    if (claims !== undefined && claims.expiresAtMs <= clock.now()) return 'token expired';
    if (claims !== undefined && !claims.audiences.includes(audience)) return 'token not meant for this proxy';
    return 'token rejected';
  }

  /**
   * @throws {Refusal} 403 that names account, verb, resource and the rule that would allow it.
   * @throws {DriverError} when it could not be determined.
   */
  async ensureMayUse(caller: Caller, connector: ConnectorRef, signal: AbortSignal): Promise<void> {
    const missing = await this.#missing(caller, connector, signal);
    if (missing.length > 0) throw await this.#denied(missing, caller, signal);
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
    const missing = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    throw await this.#denied(missing, caller, signal);
  }

  /** What is needed beyond reading a connector is told only to those who may read it, lest they learn that it exists. */
  async #missing(caller: Caller, connector: ConnectorRef, signal: AbortSignal): Promise<readonly Need[]> {
    const needs = this.#needsOf(caller, connector);
    const { read, proxy } = needs;
    const flags = await this.#options.flags(signal);
    if (!(await this.#isAllowed(caller, read.anyOf, signal))) return [read];
    if (!flags.connectorProxyPermissions) return [];
    const isMet = isApprovalOn(flags)
      ? await this.#isApproved(caller, needs, signal)
      : await this.#isAllowed(caller, proxy.anyOf, signal);
    return isMet ? [] : [proxy];
  }

  /**
   * With approval on: the permission of the account, or that of the pod together with a granted AccessRequest of the pod's
   * uid. The role of a pod has only its name and may outlive it. What was there last time is looked at first.
   */
  async #isApproved(caller: Caller, { ofAccount, ofPod, approval }: Needs, signal: AbortSignal): Promise<boolean> {
    const { approvals } = this.#options;
    const byAccount = (): Promise<boolean> => this.#isAllowed(caller, ofAccount, signal);
    const byPod = async (): Promise<boolean> =>
      caller.pod !== undefined &&
      (await approvals.isGranted(approval, signal)) &&
      (await this.#isAllowed(caller, ofPod, signal));
    return approvals.wasGranted(approval)
      ? (await byPod()) || (await byAccount())
      : (await byAccount()) || (await byPod());
  }

  #needsOf(caller: Caller, connector: ConnectorRef): Needs {
    const ofCaller = this.#needs.get(caller) ?? new Map<string, Needs>();
    const key = `${connector.namespace}/${connector.name}`;
    let needs = ofCaller.get(key);
    if (needs === undefined) {
      const pod = podOf(caller);
      const proxy = proxyNeed(pod, connector, () => caller.pod !== undefined);
      needs = {
        read: readNeed(pod, connector),
        proxy,
        ofAccount: [proxy.anyOf[0]],
        ofPod: [proxy.ofPod],
        approval: { pod, connector },
      };
      if (ofCaller.size >= maxNeeds) ofCaller.clear();
      ofCaller.set(key, needs);
      this.#needs.set(caller, ofCaller);
    }
    return needs;
  }

  #isAllowed(caller: Caller, permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    return this.#options.authorizer.isAnyAllowed(caller, permissions, signal);
  }

  async #denied(missing: readonly Need[], { pod }: Caller, signal: AbortSignal): Promise<Refusal> {
    const isApprovable =
      missing.some(({ kind }) => kind === 'proxy') && isApprovalOn(await this.#options.flags(signal));
    const approval =
      isApprovable && pod !== undefined
        ? `; or have an AccessRequest of pod ${pod.namespace}/${pod.name} with uid ${pod.uid} granted`
        : '';
    return new Refusal(403, 'denied', `${describeMissing(missing)}${approval}`);
  }
}

/** Whoever has a token that is bound to no pod has the permissions of no pod. @throws {Refusal} 403 for other users. */
function podOf({ user, pod }: Caller): PodIdentity {
  const account = serviceAccountOf(user);
  if (account === undefined) {
    throw new Refusal(
      403,
      'denied',
      'not a service account: only service accounts can use connectors through the proxy',
    );
  }
  const { namespace, name } = account;
  return { namespace, name: pod?.name ?? '', uid: pod?.uid ?? '', serviceAccountName: name };
}
