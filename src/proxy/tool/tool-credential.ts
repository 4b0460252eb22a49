import type { RawHeaders } from './headers.ts';
import type { Trust } from './trust.ts';

/** Properties of a request that its credential can depend on. */
export interface CredentialUse {
  readonly method: string;
  /** The path as sent to the tool, with the query. */
  readonly path: string;
  /** Whether the request cannot be sent a second time, so that the credential must be right at once. */
  readonly isUnrepeatable: boolean;
}

/** Authenticates requests to a tool. */
export interface ToolCredential {
  /** Names of client headers that it replaces, in lower case with dashes. Complete once `headersFor` has been called. */
  readonly replaces: ReadonlySet<string>;
  /** Headers to add, if they are the same for every request: they need no signal, which costs 10 microseconds. */
  readonly fixedHeaders?: RawHeaders;
  /** Trust store with a certificate that is presented to the tool; undefined: that of the Connector. */
  readonly trust?: Trust;
  /** Whether an expression of the class makes it, for each request. */
  readonly isGenerated?: boolean;
  /** Path at which the tool's API shows whether the credential is valid; undefined if that is unknown. */
  readonly authenticationPath?: string;
  /**
   * For a credential with a token that is requested: requests it, unless it is cached.
   * @throws {ProxyError} if none is issued.
   */
  obtain?(signal: AbortSignal): Promise<void>;
  /**
   * Returns the headers to add.
   * @throws {ProxyError} if the credential is unavailable.
   */
  headersFor(use: CredentialUse, signal: AbortSignal): Promise<RawHeaders>;
  /**
   * Returns the headers for a second request after the given `WWW-Authenticate` values; undefined if there are no
   * better. Absent if there never are. Otherwise small bodies are buffered.
   * @throws {ProxyError} if the credential is unavailable.
   */
  headersAfter?(
    challenges: readonly string[],
    use: CredentialUse,
    signal: AbortSignal,
  ): Promise<RawHeaders | undefined>;
  /** Returns the path with the query parameters of the credential, for requests after `headersFor`. Absent if it has none. */
  pathWithParameters?(path: string): string;
  /** Returns headers of a response without these parameters. Absent if it has none. */
  withoutOwnParameters?(headers: readonly string[]): readonly string[];
  /** Checks the credential without a request. Absent if it was checked when it was created. @throws {ProxyError} */
  check?(signal: AbortSignal): Promise<void>;
  /** Records a `401` to a request that cannot be sent again: the next request must not use the same token. */
  rejected?(): void;
  /** Reports whether its Secret is unchanged. Absent if it does not belong to the connection. */
  isCurrent?(signal: AbortSignal): Promise<boolean>;
}

/** Client headers that are removed if the Connector has a credential: with them the tool would see another identity. */
export const replacedHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'private-token',
  'job-token',
  'deploy-token',
]);

/** A session that a tool starts for the credential would give the client access without the proxy. */
const sessionHeaders: ReadonlySet<string> = new Set(['set-cookie', 'set-cookie2']);
const noHeaders: ReadonlySet<string> = new Set();

/** Returns lower-case names of response headers that the client does not receive. */
export function withheldFromResponse(credential: ToolCredential): ReadonlySet<string> {
  return credential === noCredential ? noHeaders : sessionHeaders;
}

/** No credential: the client's headers are forwarded unchanged. */
export const noCredential: ToolCredential = {
  replaces: new Set(),
  fixedHeaders: [],
  headersFor: () => Promise.resolve([]),
};
