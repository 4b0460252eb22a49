import type { RawHeaders } from '../tool/headers.js';
import type { CredentialUse, ToolCredential } from '../tool/tool-credential.js';
import { SecretRejected } from '../secrets/rejected-secrets.js';

/** The source of a credential. */
export interface CredentialOrigin {
  /** Makes the next request read the credential again, after the tool has rejected it. */
  expire(): void;
  /** Returns the current credential; undefined if it is unchanged. */
  newer(signal: AbortSignal): Promise<ToolCredential | undefined>;
}

/** A credential that is read again after the tool has rejected it, so that a rotated Secret is used at once. */
export class RenewableCredential implements ToolCredential {
  readonly answersChallenges = true;
  readonly fixedHeaders?: RawHeaders;
  readonly isGenerated?: boolean;
  readonly authenticationPath?: string;
  readonly obtain?: (signal: AbortSignal) => Promise<void>;
  readonly #origin: CredentialOrigin;
  #current: ToolCredential;

  constructor(current: ToolCredential, origin: CredentialOrigin) {
    this.#current = current;
    this.#origin = origin;
    if (current.fixedHeaders !== undefined) this.fixedHeaders = current.fixedHeaders;
    if (current.isGenerated !== undefined) this.isGenerated = current.isGenerated;
    if (current.authenticationPath !== undefined) this.authenticationPath = current.authenticationPath;
    if (current.obtain !== undefined) this.obtain = async (signal) => this.#current.obtain?.(signal);
  }

  get replaces(): ReadonlySet<string> {
    return this.#current.replaces;
  }

  async headersFor(use: CredentialUse, signal: AbortSignal): Promise<RawHeaders> {
    try {
      return await this.#current.headersFor(use, signal);
    } catch (error) {
      const newer = error instanceof SecretRejected ? await this.#origin.newer(signal) : undefined;
      if (newer === undefined) throw error;
      this.#current = newer;
      return newer.headersFor(use, signal);
    }
  }

  async headersAfter(
    challenges: readonly string[],
    use: CredentialUse,
    signal: AbortSignal,
  ): Promise<RawHeaders | undefined> {
    let failure: SecretRejected | undefined;
    try {
      const better = await this.#current.headersAfter(challenges, use, signal);
      if (better !== undefined) return better;
    } catch (error) {
      if (!(error instanceof SecretRejected)) throw error;
      failure = error;
    }
    const newer = await this.#origin.newer(signal);
    if (newer === undefined && failure !== undefined) throw failure;
    if (newer === undefined) return undefined;
    this.#current = newer;
    return newer.headersFor(use, signal);
  }

  pathWithParameters(path: string): string {
    return this.#current.pathWithParameters?.(path) ?? path;
  }

  withoutOwnParameters(headers: readonly string[]): readonly string[] {
    return this.#current.withoutOwnParameters?.(headers) ?? headers;
  }

  async check(signal: AbortSignal): Promise<void> {
    await this.#current.check?.(signal);
  }

  rejected(): void {
    this.#current.rejected();
    this.#origin.expire();
  }
}
