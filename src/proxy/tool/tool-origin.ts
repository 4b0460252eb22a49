/** Scheme, host and port of a request's destination. */
export interface ToolOrigin {
  readonly scheme: 'http' | 'https';
  /** Lower case, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Returns `host`, `host:port` if the port is not the scheme's default, or `[v6]:port`. */
export function authorityOf(origin: ToolOrigin): string {
  const { scheme, host, port } = origin;
  if (port !== (scheme === 'https' ? 443 : 80)) return hostAndPort(origin);
  return host.includes(':') ? `[${host}]` : host;
}

/** Returns `host:port` or `[v6]:port`. */
export function hostAndPort({ host, port }: Pick<ToolOrigin, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export function nameOf(origin: ToolOrigin): string {
  return `${origin.scheme}://${authorityOf(origin)}`;
}
