import type { IncomingMessage } from 'node:http';
import { proxyLimits } from '../limits.ts';
import { parseAuthority } from '../connectors/tool-address.ts';
import { unclearMessage } from '../proxy-error.ts';
import { hasBody, hasWord, valuesOf } from '../tool/headers.ts';
import { framingOf } from '../tool/request-body.ts';
import { authorityOf } from '../tool/tool-origin.ts';
import type { RequestTarget } from './request-target.ts';
import type { TunnelSession } from './tunnel-session.ts';

/**
 * Rejects requests that the parser accepts but that other servers interpret differently (request smuggling).
 * @throws {ProxyError} 400, 405, 417, 431, 501
 */
export function ensureWellFormed(
  request: Pick<IncomingMessage, 'method' | 'rawHeaders' | 'httpVersion'>,
  target: RequestTarget | undefined,
): asserts target is RequestTarget {
  const { rawHeaders, httpVersion, method } = request;
  const hosts = valuesOf(rawHeaders, 'host');
  if (target === undefined || (httpVersion !== '1.1' && httpVersion !== '1.0')) {
    throw unclearMessage(400, 'the request line cannot be understood');
  }
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion === '1.1')) {
    throw unclearMessage(400, 'a request must have one Host header');
  }
  if (rawHeaders.length > 2 * proxyLimits.headers.lines) {
    throw unclearMessage(431, `a request can have ${proxyLimits.headers.lines} header lines at most`);
  }
  framingOf(request);
  const expectations = httpVersion === '1.1' ? valuesOf(rawHeaders, 'expect') : [];
  if (expectations.length > 0 && !hasWord(rawHeaders, 'expect', '100-continue')) {
    throw unclearMessage(417, 'the only expectation that the proxy meets is 100-continue');
  }
  // The tool would return the request, including the credential.
  if (method === 'TRACE' || method === 'TRACK') throw unclearMessage(405, `${method} does not pass the proxy`);
}

/** Rejects requests in a tunnel for another host. @throws {ProxyError} 421. */
export function ensureSameHost(request: IncomingMessage, target: RequestTarget, named: TunnelSession['named']): void {
  const isSame = (host: string, port: number): boolean => host === named.host && port === named.port;
  const [header] = valuesOf(request.rawHeaders, 'host');
  const host = header === undefined ? named : parseAuthority(header, named.port);
  const isHost = host !== undefined && isSame(host.host, host.port);
  const isTarget = target.kind !== 'forward' || isSame(target.named.host, target.named.port);
  if (isHost && isTarget) return;
  throw unclearMessage(421, `this tunnel leads to ${authorityOf(named)} and nowhere else`);
}

/**
 * Rejects a request with a body: bytes after its headers belong to the new protocol or to none.
 * @throws {ProxyError} 400.
 */
export function ensureNoBody(request: IncomingMessage, head: Buffer): void {
  if (hasBody(request.rawHeaders) || head.length > 0)
    throw unclearMessage(400, 'a request to change the protocol has no body');
}
