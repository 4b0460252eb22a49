import type { RawHeaders } from './headers.js';

/** What a credential may depend on. */
export interface CredentialUse {
  readonly method: string;
  /** As sent to the tool, with the query. */
  readonly path: string;
  /** The request cannot be sent a second time, so it had better be right the first time. */
  readonly isUnrepeatable: boolean;
}

/** How a request to a tool shows who it comes from. */
export interface ToolCredential {
  /** Headers of the client that it stands in for, in lower case: they never reach the tool. */
  readonly replaces: ReadonlySet<string>;
  /** Whether a `401` may be worth a second request; if so, small bodies are kept for it. */
  readonly answersChallenges: boolean;
  /** The headers to add, where they are the same for every request: nobody has to be asked. */
  readonly fixedHeaders?: RawHeaders;
  /** The path at which the tool's API answers whether the credential is good; undefined where that is not known. */
  readonly authenticationPath?: string;
  /**
   * The headers to add.
   * @throws {Refusal} when it cannot be had.
   */
  headersFor(use: CredentialUse, signal: AbortSignal): Promise<RawHeaders>;
  /**
   * The headers for a second try, given the tool's `WWW-Authenticate` values; undefined: there is nothing better to show.
   * @throws {Refusal} when it cannot be had.
   */
  headersAfter(challenges: readonly string[], use: CredentialUse, signal: AbortSignal): Promise<RawHeaders | undefined>;
  /** The tool has answered `401` to a request that cannot be sent again: the next request must not show the same unread. */
  rejected(): void;
}

/** A session that a tool begins for the credential would open the tool to the client without the proxy. */
const sessionHeaders: ReadonlySet<string> = new Set(['set-cookie', 'set-cookie2']);
const noHeaders: ReadonlySet<string> = new Set();

/** The headers of a tool's answer that the client does not get, in lower case. */
export function withheldFromAnswer(credential: ToolCredential): ReadonlySet<string> {
  return credential === noCredential ? noHeaders : sessionHeaders;
}

/** What the client sends goes on as it is. */
export const noCredential: ToolCredential = {
  replaces: new Set(),
  answersChallenges: false,
  fixedHeaders: [],
  headersFor: () => Promise.resolve([]),
  headersAfter: () => Promise.resolve(undefined),
  rejected: () => undefined,
};
