/** The reason of a failed request. A fixed set, used as a metric label. */
export type ProxyErrorKind =
  /** The request is not valid HTTP for the proxy, or exceeds a limit. */
  | 'malformed'
  /** Credentials for the proxy are missing or rejected. */
  | 'unauthenticated'
  | 'denied'
  /** The rules of the Connector, or of its class, do not allow the request. */
  | 'denied_by_rule'
  /** The proxy does not connect to the address or host. */
  | 'blocked_address'
  /** The destination is the proxy itself, or the request has passed through it before. */
  | 'loop'
  /** The Connector, its Secret or its class is unusable. */
  | 'misconfigured'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'reset'
  | 'protocol'
  /** A client or namespace exceeds a limit. */
  | 'rate_limited'
  /** A limit of the proxy is reached. */
  | 'overload'
  /** The API server gave no decision. */
  | 'unavailable'
  | 'internal';

interface ProxyErrorOptions extends ErrorOptions {
  /** Further headers, by name. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the start of the next request on the connection is uncertain, so that it must close. */
  readonly endsConnection?: boolean;
}

/**
 * A failed request, with the proxy's own response. The message is for the reader of a build's log: one line that names
 * the object and the fix, and contains no secret.
 */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly status: number;
  readonly kind: ProxyErrorKind;
  readonly headers: Readonly<Record<string, string>>;
  readonly endsConnection: boolean;

  constructor(status: number, kind: ProxyErrorKind, message: string, options: ProxyErrorOptions = {}) {
    super(message, options);
    this.status = status;
    this.kind = kind;
    this.headers = options.headers ?? {};
    this.endsConnection = options.endsConnection === true;
  }

  /** Whether the proxy has no capacity for the work now. This says nothing of the Connector or the tool. */
  get isOverload(): boolean {
    return this.kind === 'overload' || this.kind === 'rate_limited';
  }
}

/** Why the API server issues no token of a service account. */
export type IdentityProblem = 'IdentityForbidden' | 'IdentityNotFound';

export function isIdentityProblem(reason: string): reason is IdentityProblem {
  return reason === 'IdentityForbidden' || reason === 'IdentityNotFound';
}

/** A Connector's CA or service account, or a class's generator is unusable. The reason is that of a condition. */
export class Misconfiguration extends ProxyError {
  readonly reason:
    | ('CACertSecretNotFound' | 'InvalidCACert' | 'BrokenGenerator' | 'UnsupportedGenerator')
    | IdentityProblem;

  constructor(reason: Misconfiguration['reason'], message: string) {
    super(502, 'misconfigured', message);
    this.reason = reason;
  }
}

/**
 * Returns the error for a Connector that cannot be used.
 * @param fix for problems that do not name it. Many programs show only what is before it.
 */
export function misconfigured(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  problem: string,
  fix = '',
): ProxyError {
  return new ProxyError(502, 'misconfigured', `${problem} (connector ${namespace}/${name})${fix}`);
}

/** Returns the error for a message that servers can interpret in different ways. Its connection closes. */
export function unclearMessage(status: number, message: string): ProxyError {
  return new ProxyError(status, 'malformed', message, { endsConnection: true });
}

/**
 * Returns the error for a client that exceeds a rate limit.
 * @param what the work that there was too much of.
 */
export function rateLimited(what: string): ProxyError {
  return new ProxyError(429, 'rate_limited', `${what}: try again in 5 s`, {
    headers: { 'Retry-After': '5' },
  });
}
