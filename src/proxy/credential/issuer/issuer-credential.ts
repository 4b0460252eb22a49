import type { RawHeaders } from '../../upstream/headers.js';
import type { CredentialUse, ToolCredential } from '../../upstream/tool-credential.js';
import type { Secret } from '../../../secret.js';
import { isAtOrBelowPath, isAtPath } from '../guarded-path.js';
import { replacedHeaders } from '../header-credentials.js';
import type { ToolAddress } from '../tool-address.js';
import type { IssuedTokens, TokenSlot } from './issued-tokens.js';
import type { Issue } from './issuer.js';

export interface IssuerCredentialOptions {
  readonly issue: Issue;
  readonly tokens: IssuedTokens;
  readonly slot: TokenSlot;
  readonly address: ToolAddress;
}

/** A token of an issuer, in the headers of requests. */
export class IssuerCredential implements ToolCredential {
  readonly replaces = replacedHeaders;
  readonly answersChallenges = true;
  readonly #options: IssuerCredentialOptions;
  /** The token that this request has sent. */
  #sent: Secret | undefined;

  constructor(options: IssuerCredentialOptions) {
    this.#options = options;
  }

  async obtain(signal: AbortSignal): Promise<void> {
    const { tokens, slot } = this.#options;
    await tokens.get(slot, signal);
  }

  async headersFor(use: CredentialUse, signal: AbortSignal): Promise<RawHeaders> {
    const { issue, tokens, slot, address } = this.#options;
    if (isGuarded(issue, address, use.path)) return [];
    this.#sent = await tokens.get(slot, signal);
    return issue.headersFor(this.#sent, use);
  }

  async headersAfter(
    _challenges: readonly string[],
    use: CredentialUse,
    signal: AbortSignal,
  ): Promise<RawHeaders | undefined> {
    const { issue, tokens, slot } = this.#options;
    const newer = this.#sent && (await tokens.newer(slot, this.#sent, signal));
    this.#sent = newer;
    return newer && issue.headersFor(newer, use);
  }

  rejected(): void {
    const { tokens, slot } = this.#options;
    if (this.#sent !== undefined) tokens.reject(slot, this.#sent);
  }
}

/**
 * Reports whether a client could get or revoke tokens at a path, if it had the credential there. Other addresses of the
 * Connector can be names of the same server, so there the paths themselves count too.
 */
function isGuarded({ endpoint, guardedPaths = [] }: Issue, address: ToolAddress, path: string): boolean {
  const paths = [endpoint.path, ...guardedPaths];
  const isSameHost = address.host === endpoint.host && address.port === endpoint.port;
  return paths.some((guarded) =>
    guarded === '' ? isSameHost && isAtPath(path, guarded) : (isSameHost ? isAtOrBelowPath : isAtPath)(path, guarded),
  );
}
