/** Why a request got no further, for metrics: few and fixed. */
export type ProxyErrorKind =
  /** Not HTTP as the proxy takes it, or too much of it. */
  | 'malformed'
  /** No credentials of the proxy, or none that count. */
  | 'unauthenticated'
  | 'denied'
  /** An address or a host that the proxy does not connect to. */
  | 'blocked_address'
  /** The proxy itself: by its address, or a request that has passed it before. */
  | 'loop'
  /** The Connector, its Secret or its class cannot be used. */
  | 'misconfigured'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'reset'
  | 'protocol'
  /** Too much work of one kind for one client or namespace. */
  | 'rate_limited'
  /** Too much is under way, or the proxy is stopping. */
  | 'overload'
  /** The API server did not say. */
  | 'unavailable'
  | 'internal';

export interface ProxyErrorOptions extends ErrorOptions {
  /** Names and values of further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * An answer of the proxy's own instead of the tool's. The message is for the one who reads a build's log: one line that
 * names the thing and the fix, and no secret.
 */
export class ProxyError extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly kind: ProxyErrorKind;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, kind: ProxyErrorKind, message: string, options: ProxyErrorOptions = {}) {
    super(message, options);
    this.status = status;
    this.kind = kind;
    this.headers = options.headers ?? {};
  }
}

/** For a client that has made the proxy do too much work of one kind. @param what there was too much of. */
export function rateLimited(what: string): ProxyError {
  return new ProxyError(429, 'rate_limited', `${what}: try again in 5 s`, {
    headers: { 'Retry-After': '5' },
  });
}
