import { createHash } from 'node:crypto';
import type { Clock } from '../../../shared/clock.js';
import type { Connector } from '../../../shared/connectors/model.js';
import { proxyLimits } from '../../limits.js';
import { ProxyError, SecretRejected } from '../../proxy-error.js';
import { ownerOfHost } from '../../tool/resolver.js';
import type { ToolClient } from '../../tool/tool-client.js';
import { nameOf } from '../../tool/tool-origin.js';
import type { Trust } from '../../tool/trust.js';
import type { SecretObject } from '../../secrets/secret-source.js';
import { addressesOf, isOwnAddress } from '../../connectors/tool-address.js';
import type { CachedToken, TokenCache } from '../token-cache.js';
import type { UpstreamTrust } from '../upstream-trust.js';
import { IssuedTokens } from './issued-tokens.js';
import type { TokenSlot } from './issued-tokens.js';
import { IssuerCredential } from './issuer-credential.js';
import type { Issue, IssuerUse, TokenIssuer } from './issuer.js';
import { requestToken } from './token-request.js';

export interface IssuerCredentialsOptions {
  readonly trust: Pick<UpstreamTrust, 'of' | 'ofAll'>;
  readonly client: ToolClient;
  readonly clock: Clock;
  readonly monotonicNow: () => number;
  readonly cache: TokenCache;
  /** Limit of the time for one request with its response. */
  readonly issuerTimeoutMs: number;
}

/** Creates the credentials of Secrets whose tokens are requested. */
export class IssuerCredentials {
  readonly #options: IssuerCredentialsOptions;
  readonly #tokens: IssuedTokens;

  constructor(options: IssuerCredentialsOptions) {
    this.#options = options;
    const { everyMs, credentials } = proxyLimits.issuedTokens;
    this.#tokens = new IssuedTokens({ ...options, everyMs, credentials });
  }

  /** @throws {ProxyError} 502 if the Secret is unusable, or its endpoint is not an address of the Connector. */
  of(
    issuer: TokenIssuer,
    secret: SecretObject,
    connector: Connector,
    requests: Omit<IssuerUse, 'addresses'>,
  ): IssuerCredential {
    const use = { ...requests, addresses: addressesOf(connector) };
    const source: Source = { secret, connector };
    const issue = issuer.parse(secret, use);
    if ('problem' in issue) throw new ProxyError(502, 'misconfigured', messageOf(source, issue.problem, issue.fix));
    ensureOwn(issue, source, use);
    const slot: TokenSlot = {
      key: keyOf(issue, source),
      namespace: connector.ref.namespace,
      request: () => this.#request(issue, source),
    };
    return new IssuerCredential({ issue, tokens: this.#tokens, slot, address: use.address });
  }

  async #request(issue: Issue, source: Source): Promise<CachedToken> {
    const { client, clock, issuerTimeoutMs } = this.#options;
    const options = {
      client,
      owner: ownerOfHost(source.connector.ref),
      trust: await this.#trustOf(issue, source.connector),
      now: () => clock.now(),
      timeoutMs: issuerTimeoutMs,
    };
    const outcome = await requestToken(issue, options).catch((error: unknown) => {
      throw error instanceof ProxyError ? ofSecret(error, source) : error;
    });
    if (!('kind' in outcome)) return outcome;
    const { code, fix, isRejection } = outcome;
    const message = messageOf(source, `${nameOf(issue.endpoint)} issues no token for it (${code})`, fix);
    throw isRejection ? new SecretRejected(message) : new ProxyError(502, 'protocol', message);
  }

  /** Returns the Connector's trust store for its own hosts, and that for all Connectors for a provider's. */
  async #trustOf({ endpoint, isWellKnown }: Issue, connector: Connector): Promise<Trust | undefined> {
    if (endpoint.scheme === 'http') return undefined;
    const { trust } = this.#options;
    return isWellKnown ? trust.ofAll() : trust.of(connector, new AbortController().signal);
  }
}

interface Source {
  readonly secret: SecretObject;
  readonly connector: Connector;
}

/** Names the Secret in an error about the connection to its endpoint. */
function ofSecret(cause: ProxyError, { secret, connector }: Source): ProxyError {
  const { namespace, name } = connector.ref;
  const message = `Secret ${secret.ref.namespace}/${secret.ref.name}: ${cause.message} (connector ${namespace}/${name})`;
  return new ProxyError(cause.status, cause.kind, message, { cause });
}

/** Rejects an endpoint elsewhere: the author of a Secret must not be able to reach hosts that no Connector names. */
function ensureOwn(
  { endpoint, endpointSource, isWellKnown }: Issue,
  source: Source,
  { address, addresses }: IssuerUse,
): void {
  if (isWellKnown || isOwnAddress(endpoint, address, addresses)) return;
  const problem = `${endpointSource} leads to ${nameOf(endpoint)}, which is no address of the Connector`;
  throw new ProxyError(502, 'misconfigured', messageOf(source, problem, 'add it to spec.addressExtensions'));
}

/** Returns the key of the token: a digest, because names and scopes can be long. */
function keyOf({ endpoint, scopeKey }: Issue, { secret, connector }: Source): string {
  const { namespace, name } = connector.ref;
  const parts = [secret.version, namespace, name, nameOf(endpoint), endpoint.path, scopeKey];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

function messageOf({ secret, connector }: Source, problem: string, fix: string): string {
  const { namespace, name } = connector.ref;
  return `Secret ${secret.ref.namespace}/${secret.ref.name}: ${problem}: ${fix} (connector ${namespace}/${name})`;
}
