import { setMaxListeners } from 'node:events';
import type { Awaitable } from '../../shared/awaitable.ts';
import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import type { Requirement, ProxyRequirement, PodIdentity } from '../../shared/access/permission.ts';
import {
  describeMissing,
  isApprovalOn,
  proxyRequirement,
  readRequirement,
  withVerb,
} from '../../shared/access/permission.ts';
import type { ConnectorRef, FeatureFlags } from '../../shared/connectors/model.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Secret } from '../../shared/secret.ts';
import { ProxyError } from '../proxy-error.ts';
import type { Authorizer, ClientIdentity, PodApprovals, TokenVerifier } from './ports.ts';
import { parseTokenClaims } from '../../shared/access/token-claims.ts';
import { objectKey } from '../../shared/names.ts';

interface ConnectorAuthorizerOptions {
  readonly tokens: TokenVerifier;
  readonly authorizer: Authorizer;
  readonly approvals: PodApprovals;
  readonly audience: string;
  readonly clock: Clock;
  /** @throws {CodedError} if the feature flags have never been read or are malformed. */
  readonly flags: (signal: AbortSignal) => Awaitable<FeatureFlags>;
}

/** Verb of requests that concern no connector in particular. */
const toRead = (): string => 'get';

/** Authenticates clients and authorizes their use of connectors. */
export class ConnectorAuthorizer {
  readonly #options: ConnectorAuthorizerOptions;

  constructor(options: ConnectorAuthorizerOptions) {
    this.#options = options;
  }

  /**
   * Authenticates a client by its token.
   * @param from the client's address.
   * @returns undefined for a rejected token.
   * @throws {CodedError} if the review failed.
   * @throws {ProxyError} 429 if reviews for the address are rate-limited.
   */
  identify(token: Secret, from: string, signal: AbortSignal): Awaitable<ClientIdentity | undefined> {
    return this.#options.tokens.verify(token, from, signal);
  }

  /** Returns the reason why a token was rejected, as far as its own claims show it. */
  problemOf(token: Secret): string {
    const { audience, clock } = this.#options;
    const claims = parseTokenClaims(token);
    if (claims !== undefined && claims.expiresAtMs <= clock.now()) return 'token expired';
    if (claims !== undefined && !claims.audiences.includes(audience)) return 'token not meant for this proxy';
    return 'token rejected';
  }

  /**
   * Authorizes the use of one connector.
   * @param verb returns the verb of RBAC that the request needs. Called only for clients that can read the connector.
   * @throws {ProxyError} 403 that names account, verb, resource and the rule that would allow it; 429 if rate-limited.
   * @throws {CodedError} if a review failed.
   */
  async authorize(
    client: ClientIdentity,
    connector: ConnectorRef,
    verb: () => Awaitable<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const missing = await this.#missing(client, connector, verb, signal);
    if (missing.length > 0) throw await this.#denied(missing, client, signal);
  }

  /**
   * Authorizes a request that concerns no connector in particular: permission to use one of them suffices, also if it
   * is for reads only.
   * @returns the connectors that the client can use.
   * @throws as `authorize`, about all connectors.
   */
  async authorizeAny(
    client: ClientIdentity,
    connectors: readonly ConnectorRef[],
    signal: AbortSignal,
  ): Promise<readonly ConnectorRef[]> {
    setMaxListeners(0, signal);
    const results = await Promise.allSettled(
      connectors.map((connector) => this.#missing(client, connector, toRead, signal)),
    );
    const allowed = connectors.filter((_connector, at) => {
      const result = results[at];
      return result?.status === 'fulfilled' && result.value.length === 0;
    });
    if (allowed.length > 0) return allowed;
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
    const missing = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    throw await this.#denied(missing, client, signal);
  }

  /**
   * Returns the missing permissions. The permission beyond reading a connector is named only to clients that can read
   * it: others must not learn that the connector exists.
   */
  async #missing(
    client: ClientIdentity,
    connector: ConnectorRef,
    verb: () => Awaitable<string>,
    signal: AbortSignal,
  ): Promise<readonly Requirement[]> {
    const pod = podOf(client);
    const flags = await this.#options.flags(signal);
    const read = readRequirement(pod, connector, client.identity);
    if (!(await this.#options.authorizer.isAnyAllowed(client, read.anyOf, signal))) return [read];
    if (!flags.connectorProxyPermissions) return [];
    const proxy = proxyRequirement(pod, connector, () => client.pod !== undefined, client.identity);
    if (isApprovalOn(flags)) return (await this.#isApproved(client, proxy, { pod, connector }, signal)) ? [] : [proxy];
    const requirement = withVerb(proxy, await verb());
    return (await this.#options.authorizer.isAnyAllowed(client, requirement.anyOf, signal)) ? [] : [requirement];
  }

  /**
   * Reports whether the client has access while approval is on. It needs the permission of its service account, or that
   * of its pod and a granted AccessRequest for the pod's uid. The Role of a pod has only the pod's name and can outlive
   * it.
   */
  async #isApproved(
    client: ClientIdentity,
    { anyOf: [ofAccount], ofPod }: ProxyRequirement,
    subject: ApprovalSubject,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (await this.#options.authorizer.isAnyAllowed(client, [ofAccount], signal)) return true;
    return (
      client.pod !== undefined &&
      (await this.#options.approvals.isGranted(subject, signal)) &&
      (await this.#options.authorizer.isAnyAllowed(client, [ofPod], signal))
    );
  }

  async #denied(missing: readonly Requirement[], { pod }: ClientIdentity, signal: AbortSignal): Promise<ProxyError> {
    const isApprovable =
      missing.some(({ kind }) => kind === 'proxy') && isApprovalOn(await this.#options.flags(signal));
    const approval =
      isApprovable && pod !== undefined
        ? `; or have an AccessRequest of pod ${objectKey(pod)} with uid ${pod.uid} granted`
        : '';
    return new ProxyError(403, 'denied', `${describeMissing(missing)}${approval}`);
  }
}

/**
 * Returns the pod whose permissions count. A token that is bound to no pod has the permissions of no pod.
 * @throws {ProxyError} 403 for users that are not service accounts.
 */
function podOf({ account, pod }: ClientIdentity): PodIdentity {
  if (account === undefined) {
    const message = 'not a service account: only service accounts can use connectors through the proxy';
    throw new ProxyError(403, 'denied', message);
  }
  const { namespace, name } = account;
  return { namespace, name: pod?.name ?? '', uid: pod?.uid ?? '', serviceAccountName: name };
}
