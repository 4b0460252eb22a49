import type { RawHeaders } from './headers.ts';
import type { ToolRequest } from './tool-exchange.ts';
import type { ToolCredential } from './tool-credential.ts';

/** The destination of a client's request and the changes to its messages. */
export interface Outgoing extends Omit<ToolRequest, 'method' | 'headers'> {
  readonly credential: ToolCredential;
  /** Headers to remove in reverse mode, where `Authorization` holds the credentials for the proxy. */
  readonly withoutHeaders?: ReadonlySet<string>;
  /** The header that names this proxy in request and response. */
  readonly via: RawHeaders;
  /** Rewrites the response headers, such as `Location`. */
  readonly rewriteResponseHeaders?: (headers: readonly string[]) => string[];
}
