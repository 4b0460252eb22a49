import type { RawHeaders } from '../../tool/headers.js';
import { replacedHeaders } from '../../tool/tool-credential.js';
import type { CredentialUse, ToolCredential } from '../../tool/tool-credential.js';
import { LenientPath } from '../../rules/request-path.js';
import type { Secret } from '../../../shared/secret.js';
import type { RegistryLogin } from '../registry/registry-login.js';
import type { ToolAddress } from '../../connectors/tool-address.js';
import type { IssuedTokens, TokenSlot } from './issued-tokens.js';
import type { TokenPlan } from './issuer.js';

export interface IssuerCredentialOptions {
  readonly plan: TokenPlan;
  readonly tokens: IssuedTokens;
  readonly slot: TokenSlot;
  readonly address: ToolAddress;
}

/** A token of an issuer, in the headers of requests. */
export class IssuerCredential implements ToolCredential {
  readonly replaces = replacedHeaders;
  readonly #options: IssuerCredentialOptions;
  /** The token that this request has sent. */
  #sent: Secret | undefined;

  constructor(options: IssuerCredentialOptions) {
    this.#options = options;
  }

  /** For a registry: the user name and password that are used instead of headers. */
  get login(): RegistryLogin | undefined {
    const { registryLogin } = this.#options.plan;
    if (registryLogin === undefined) return undefined;
    return {
      get: async (signal) => registryLogin(await this.#token(signal)),
      newer: async (signal) => {
        const newer = await this.#newer(signal);
        return newer && registryLogin(newer);
      },
      rejected: () => this.rejected(),
    };
  }

  async obtain(signal: AbortSignal): Promise<void> {
    const { tokens, slot } = this.#options;
    await tokens.get(slot, signal);
  }

  async headersFor(use: CredentialUse, signal: AbortSignal): Promise<RawHeaders> {
    const { plan, address } = this.#options;
    return isGuarded(plan, address, use.path) ? [] : plan.headersFor(await this.#token(signal), use);
  }

  async headersAfter(
    _challenges: readonly string[],
    use: CredentialUse,
    signal: AbortSignal,
  ): Promise<RawHeaders | undefined> {
    const newer = await this.#newer(signal);
    return newer && this.#options.plan.headersFor(newer, use);
  }

  rejected(): void {
    const { tokens, slot } = this.#options;
    if (this.#sent !== undefined) tokens.reject(slot, this.#sent);
  }

  async #token(signal: AbortSignal): Promise<Secret> {
    const { tokens, slot } = this.#options;
    this.#sent = await tokens.get(slot, signal);
    return this.#sent;
  }

  /** Returns another token after the one sent has been rejected. */
  async #newer(signal: AbortSignal): Promise<Secret | undefined> {
    const { tokens, slot } = this.#options;
    this.#sent = this.#sent && (await tokens.newer(slot, this.#sent, signal));
    return this.#sent;
  }
}

/**
 * Reports whether a client could get or revoke tokens at a path, if it had the credential there. Other addresses of the
 * Connector can be names of the same server, so there the paths themselves count too.
 */
function isGuarded({ endpoint, guardedPaths = [] }: TokenPlan, address: ToolAddress, path: string): boolean {
  const paths = [endpoint.path, ...guardedPaths];
  const isSameHost = address.host === endpoint.host && address.port === endpoint.port;
  const lenient = new LenientPath(path);
  return paths.some((guarded) => {
    if (guarded === '') return isSameHost && lenient.isAt(guarded);
    return isSameHost ? lenient.isAtOrBelow(guarded) : lenient.isAt(guarded);
  });
}
