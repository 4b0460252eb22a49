import { replacedHeaders } from '../../tool/tool-credential.ts';
import type { ToolCredential } from '../../tool/tool-credential.ts';
import { LenientPath } from '../../rules/request-path.ts';
import { Secret } from '../../../shared/secret.ts';
import type { RegistryLogin } from '../registry/registry-tokens.ts';
import { createHash } from 'node:crypto';
import type { Connector } from '../../../shared/connectors/model.ts';
import { CodedError, orCodedError } from '../../../shared/errors.ts';
import { proxyLimits } from '../../limits.ts';
import { ProxyError } from '../../proxy-error.ts';
import type { BackChannelResponse } from '../../tool/back-channel.ts';
import { sendInBackChannel } from '../../tool/back-channel.ts';
import { ownerOfConnector } from '../../tool/resolver.ts';
import type { ToolClient } from '../../tool/tool-client.ts';
import { authorityOf, nameOf } from '../../tool/tool-origin.ts';
import type { Trust } from '../../tool/trust.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import { addressesOf, isAddressOfConnector } from '../../connectors/tool-address.ts';
import type { CachedToken } from '../token-cache.ts';
import { cachedToken, isSendable } from '../token-cache.ts';
import type { UpstreamTrust } from '../upstream-trust.ts';
import { IssuedTokens } from './issued-tokens.ts';
import type { IssuedTokensOptions, TokenSlot } from './issued-tokens.ts';
import type { IssuedToken, IssuerUse, TokenIssuer, TokenPlan, TokenStep } from './issuer.ts';
import type { SubjectTokens } from './subject-tokens.ts';
import { TokenFailure, failureOfStatus, unusableAnswer } from './token-response.ts';
import { objectKey } from '../../../shared/names.ts';

export interface IssuerCredentialsOptions extends IssuedTokensOptions {
  readonly trust: Pick<UpstreamTrust, 'of' | 'ofAll'>;
  readonly client: ToolClient;
  /** Undefined without a cluster. */
  readonly subjectTokens: SubjectTokens | undefined;
  /** Limit of the time for one request with its response. */
  readonly issuerTimeoutMs: number;
}

/** The input of the first step without a service account. */
const noInput: IssuedToken = { value: new Secret(''), expiresAtMs: Infinity };

/** Creates the credentials of Secrets whose tokens are requested. */
export class IssuerCredentials {
  readonly #options: IssuerCredentialsOptions;
  readonly #tokens: IssuedTokens;

  constructor(options: IssuerCredentialsOptions) {
    this.#options = options;
    this.#tokens = new IssuedTokens(options);
  }

  /** @throws {ProxyError} 502 if the Secret is unusable, or an endpoint is not an address of the Connector. */
  of(issuer: TokenIssuer, secret: SecretObject, connector: Connector, address: ToolAddress): IssuerCredential {
    const use = { connector: connector.ref, address, addresses: addressesOf(connector) };
    const source: Source = { secret, connector };
    const plan = orCodedError(() => issuer.parse(secret, use));
    if (plan instanceof CodedError) throw unusable(source, plan.message);
    for (const step of plan.steps) ensureAddressOfConnector(step, source, use);
    const audienceProblem = plan.identity && this.#options.subjectTokens?.audienceProblem(plan.identity);
    if (audienceProblem !== undefined) {
      throw unusable(source, `${audienceProblem}: name the audience that the provider expects`);
    }
    const slot: TokenSlot = {
      key: keyOf(plan, source),
      namespace: connector.ref.namespace,
      request: () => this.#request(plan, source),
    };
    return issuerCredential(plan, this.#tokens, slot, address);
  }

  async #request({ identity, steps }: TokenPlan, source: Source): Promise<CachedToken> {
    const { clock, subjectTokens } = this.#options;
    const trusts = await Promise.all(steps.map((step) => this.#trustOf(step, source.connector)));
    const nowMs = clock.now();
    let token = noInput;
    // Requested last, when only the provider can fail.
    if (identity !== undefined) {
      if (subjectTokens === undefined) throw unusable(source, 'tokens of service accounts need a cluster');
      token = await subjectTokens.issue(source.connector.ref.namespace, identity, nowMs);
    }
    for (const [index, step] of steps.entries()) token = await this.#exchange(step, trusts[index], token, source);
    const longestMs = nowMs + proxyLimits.issuedTokens.longestLifeMs;
    return cachedToken(token.value, nowMs, Math.min(token.expiresAtMs, longestMs));
  }

  /** Redirects are not followed. */
  async #exchange(step: TokenStep, trust: Trust | undefined, input: IssuedToken, source: Source): Promise<IssuedToken> {
    const { client, clock, issuerTimeoutMs } = this.#options;
    const { endpoint } = step;
    const nowMs = clock.now();
    const { method, path, headers, body } = await step.request(nowMs, input);
    const request = {
      origin: endpoint,
      method,
      path,
      headers: ['Host', authorityOf(endpoint), 'User-Agent', 'connectors-proxy', ...headers],
      trust,
      owner: ownerOfConnector(source.connector.ref),
    };
    const server = `the token endpoint ${nameOf(endpoint)}`;
    const limits = { ...proxyLimits.backChannel, timeoutMs: issuerTimeoutMs };
    const { signal } = new AbortController();
    try {
      return tokenIn(step, await sendInBackChannel(client, request, server, limits, signal, body), nowMs, input);
    } catch (error) {
      if (error instanceof ProxyError) {
        throw new ProxyError(error.status, error.kind, messageOf(source, error.message), { cause: error });
      }
      if (!(error instanceof TokenFailure)) throw error;
      const { code, fix, isRejection } = error;
      const message = messageOf(source, `${nameOf(endpoint)} issues no token for it (${code}): ${fix}`);
      throw new ProxyError(502, isRejection ? 'misconfigured' : 'protocol', message);
    }
  }

  /** Returns the Connector's trust store for its own hosts, and that for all Connectors for a provider's. */
  async #trustOf({ endpoint, isWellKnown }: TokenStep, connector: Connector): Promise<Trust | undefined> {
    if (endpoint.scheme === 'http') return undefined;
    const { trust } = this.#options;
    return isWellKnown ? trust.ofAll() : trust.of(connector, new AbortController().signal);
  }
}

/** @throws {TokenFailure} */
function tokenIn(
  step: TokenStep,
  { status, body }: BackChannelResponse,
  nowMs: number,
  input: IssuedToken,
): IssuedToken {
  if (body === undefined) throw unusableAnswer('response too long');
  if (status >= 300 && status < 400) throw failureOfStatus(status);
  const token = step.parse({ status, body }, nowMs, input);
  if (!isSendable(token.value.expose())) throw unusableAnswer('token not sendable in a header');
  if (token.expiresAtMs <= nowMs) throw unusableAnswer('token expired');
  return token;
}

interface Source {
  readonly secret: SecretObject;
  readonly connector: Connector;
}

/** Rejects an endpoint elsewhere: the author of a Secret must not be able to reach hosts that no Connector names. */
function ensureAddressOfConnector(
  { endpoint, endpointSource, isWellKnown }: TokenStep,
  source: Source,
  { address, addresses }: IssuerUse,
): void {
  if (isWellKnown || isAddressOfConnector(endpoint, address, addresses)) return;
  const problem = `${endpointSource} leads to ${nameOf(endpoint)}, which is no address of the Connector`;
  throw unusable(source, `${problem}: add it to spec.addressExtensions`);
}

/** Returns the key of the token: a digest, because names can be long. */
function keyOf({ steps }: TokenPlan, { secret, connector }: Source): string {
  const { namespace, name } = connector.ref;
  const endpoints = steps.flatMap(({ endpoint }) => [nameOf(endpoint), endpoint.path]);
  const parts = [secret.readId, namespace, name, ...endpoints];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

function unusable(source: Source, problem: string): ProxyError {
  return new ProxyError(502, 'misconfigured', messageOf(source, problem));
}

function messageOf({ secret, connector }: Source, problem: string): string {
  const { namespace, name } = connector.ref;
  return `Secret ${objectKey(secret.ref)}: ${problem} (connector ${namespace}/${name})`;
}

/** The credential of one request with a token of an issuer. */
interface IssuerCredential extends ToolCredential {
  /** For a registry: the user name and password that are used instead of headers. */
  readonly login: RegistryLogin | undefined;
}

/** Returns a credential that adds a token of an issuer to the headers of one request. */
function issuerCredential(
  plan: TokenPlan,
  tokens: IssuedTokens,
  slot: TokenSlot,
  address: ToolAddress,
): IssuerCredential {
  const { registryLogin } = plan;
  /** The token that this request has sent. */
  let sent: Secret | undefined;
  const token = async (signal: AbortSignal): Promise<Secret> => (sent = await tokens.get(slot, signal));
  /** Returns another token after the one sent has been rejected. */
  const newer = async (signal: AbortSignal): Promise<Secret | undefined> =>
    (sent = sent && (await tokens.newer(slot, sent, signal)));
  const rejected = (): void => {
    if (sent !== undefined) tokens.reject(slot, sent);
  };
  return {
    replaces: replacedHeaders,
    login: registryLogin && {
      get: async (signal) => registryLogin(await token(signal)),
      newer: async (signal) => {
        const other = await newer(signal);
        return other && registryLogin(other);
      },
      rejected,
    },
    obtain: async (signal) => void (await tokens.get(slot, signal)),
    headersFor: async (use, signal) =>
      isGuarded(plan, address, use.path) ? [] : plan.headersFor(await token(signal), use),
    headersAfter: async (_challenges, use, signal) => {
      const other = await newer(signal);
      return other && plan.headersFor(other, use);
    },
    rejected,
  };
}

/**
 * Reports whether a client could get or revoke tokens at a path, if it had the credential there. Other addresses of the
 * Connector can be names of the same server, so there the paths themselves count too.
 */
function isGuarded({ steps, guardedPaths = [] }: TokenPlan, address: ToolAddress, path: string): boolean {
  const lenient = new LenientPath(path);
  return steps.some(({ endpoint }) => {
    const isSameHost = address.host === endpoint.host && address.port === endpoint.port;
    return [endpoint.path, ...guardedPaths].some((guarded) => {
      if (guarded === '') return isSameHost && lenient.isAt(guarded);
      return isSameHost ? lenient.isAtOrBelow(guarded) : lenient.isAt(guarded);
    });
  });
}
