/** Scheme, host and port of a request's destination. */
export interface ToolOrigin {
  readonly scheme: 'http' | 'https';
  /** Lower case, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Returns `host`, `host:port` if the port is not the scheme's default, or `[v6]:port`. */
export function authorityOf({ scheme, host, port }: ToolOrigin): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (scheme === 'https' ? 443 : 80) ? name : `${name}:${port}`;
}

export function nameOf(origin: ToolOrigin): string {
  return `${origin.scheme}://${authorityOf(origin)}`;
}
