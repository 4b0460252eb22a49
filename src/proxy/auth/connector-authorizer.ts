import { setMaxListeners } from 'node:events';
import type { PodIdentity } from '../../access/access-control.js';
import type { ApprovalSubject } from '../../access/access-request.js';
import type { Need, Permission } from '../../access/permission.js';
import { describeMissing, isApprovalOn, proxyNeed, readNeed } from '../../access/permission.js';
import type { ConnectorRef, FeatureFlags } from '../../connectors/model.js';
import type { Clock } from '../../clock.js';
import type { Secret } from '../../secret.js';
import { ProxyError } from '../proxy-error.js';
import type { ClientIdentity } from './client-identity.js';
import { serviceAccountOf } from './client-identity.js';
import type { Authorizer, PodApprovals, TokenVerifier } from './ports.js';
import { tokenClaims } from './token-claims.js';

export interface ConnectorAuthorizerOptions {
  readonly tokens: TokenVerifier;
  readonly authorizer: Authorizer;
  readonly approvals: PodApprovals;
  readonly audience: string;
  readonly clock: Clock;
  /** @throws {CodedError} when they have never been read, or cannot be understood. */
  readonly flags: (signal: AbortSignal) => Promise<FeatureFlags>;
}

interface Needs {
  readonly read: Need;
  readonly proxy: Need;
  /** The permissions of `proxy`, each alone. */
  readonly ofAccount: readonly Permission[];
  readonly ofPod: readonly Permission[];
  readonly approval: ApprovalSubject;
}

/** Connectors of one caller whose needs are kept; a user name holds 32. */
const maxNeeds = 64;

/** Who is it, and may it use this connector? */
export class ConnectorAuthorizer {
  readonly #options: ConnectorAuthorizerOptions;
  /** What a caller needs for a connector is the same as long as the caller is. */
  readonly #needs = new WeakMap<ClientIdentity, Map<string, Needs>>();

  constructor(options: ConnectorAuthorizerOptions) {
    this.#options = options;
  }

  /**
   * @param from the client's address.
   * @returns undefined for a token that does not count.
   * @throws {CodedError} when it could not be determined. {Refusal} 429.
   */
  identify(token: Secret, from: string, signal: AbortSignal): Promise<ClientIdentity | undefined> {
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
   * @throws {ProxyError} 403 that names account, verb, resource and the rule that would allow it.
   * @throws {CodedError} when it could not be determined.
   */
  async authorize(client: ClientIdentity, connector: ConnectorRef, signal: AbortSignal): Promise<void> {
    const missing = await this.#missing(client, connector, signal);
    if (missing.length > 0) throw await this.#denied(missing, client, signal);
  }

  /**
   * For what needs no connector in particular: one of them must be allowed, whichever.
   * @returns those that are allowed.
   * @throws as `ensureMayUse`, about all of them.
   */
  async authorizeAny(
    client: ClientIdentity,
    connectors: readonly ConnectorRef[],
    signal: AbortSignal,
  ): Promise<readonly ConnectorRef[]> {
    setMaxListeners(0, signal);
    const answers = await Promise.allSettled(connectors.map((connector) => this.#missing(client, connector, signal)));
    const allowed = connectors.filter((_connector, at) => {
      const answer = answers[at];
      return answer?.status === 'fulfilled' && answer.value.length === 0;
    });
    if (allowed.length > 0) return allowed;
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
    const missing = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    throw await this.#denied(missing, client, signal);
  }

  /** What is needed beyond reading a connector is told only to those who may read it, lest they learn that it exists. */
  async #missing(client: ClientIdentity, connector: ConnectorRef, signal: AbortSignal): Promise<readonly Need[]> {
    const needs = this.#needsOf(client, connector);
    const { read, proxy } = needs;
    const flags = await this.#options.flags(signal);
    if (!(await this.#isAllowed(client, read.anyOf, signal))) return [read];
    if (!flags.connectorProxyPermissions) return [];
    const isMet = isApprovalOn(flags)
      ? await this.#isApproved(client, needs, signal)
      : await this.#isAllowed(client, proxy.anyOf, signal);
    return isMet ? [] : [proxy];
  }

  /**
   * With approval on: the permission of the account, or that of the pod together with a granted AccessRequest of the pod's
   * uid. The role of a pod has only its name and may outlive it. What was there last time is looked at first.
   */
  async #isApproved(
    client: ClientIdentity,
    { ofAccount, ofPod, approval }: Needs,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { approvals } = this.#options;
    const byAccount = (): Promise<boolean> => this.#isAllowed(client, ofAccount, signal);
    const byPod = async (): Promise<boolean> =>
      client.pod !== undefined &&
      (await approvals.isGranted(approval, signal)) &&
      (await this.#isAllowed(client, ofPod, signal));
    return approvals.wasGranted(approval)
      ? (await byPod()) || (await byAccount())
      : (await byAccount()) || (await byPod());
  }

  #needsOf(client: ClientIdentity, connector: ConnectorRef): Needs {
    const ofClient = this.#needs.get(client) ?? new Map<string, Needs>();
    const key = `${connector.namespace}/${connector.name}`;
    let needs = ofClient.get(key);
    if (needs === undefined) {
      const pod = podOf(client);
      const proxy = proxyNeed(pod, connector, () => client.pod !== undefined);
      needs = {
        read: readNeed(pod, connector),
        proxy,
        ofAccount: [proxy.anyOf[0]],
        ofPod: [proxy.ofPod],
        approval: { pod, connector },
      };
      if (ofClient.size >= maxNeeds) ofClient.clear();
      ofClient.set(key, needs);
      this.#needs.set(client, ofClient);
    }
    return needs;
  }

  #isAllowed(client: ClientIdentity, permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    return this.#options.authorizer.isAnyAllowed(client, permissions, signal);
  }

  async #denied(missing: readonly Need[], { pod }: ClientIdentity, signal: AbortSignal): Promise<ProxyError> {
    const isApprovable =
      missing.some(({ kind }) => kind === 'proxy') && isApprovalOn(await this.#options.flags(signal));
    const approval =
      isApprovable && pod !== undefined
        ? `; or have an AccessRequest of pod ${pod.namespace}/${pod.name} with uid ${pod.uid} granted`
        : '';
    return new ProxyError(403, 'denied', `${describeMissing(missing)}${approval}`);
  }
}

/** Whoever has a token that is bound to no pod has the permissions of no pod. @throws {ProxyError} 403 for other users. */
function podOf({ user, pod }: ClientIdentity): PodIdentity {
  const account = serviceAccountOf(user);
  if (account === undefined) {
    throw new ProxyError(
      403,
      'denied',
      'not a service account: only service accounts can use connectors through the proxy',
    );
  }
  const { namespace, name } = account;
  return { namespace, name: pod?.name ?? '', uid: pod?.uid ?? '', serviceAccountName: name };
}
