import type { IncomingMessage } from 'node:http';
import type { ConnectorRef } from '../../connectors/model.js';
import type { Secret } from '../../secret.js';
import { serviceAccountOf } from '../auth/client-identity.js';
import type { ClientIdentity } from '../auth/client-identity.js';
import { parseProxyAuthorization, parseReverseAuthorization } from '../auth/credentials.js';
import type { ConnectorAuthorizer } from '../auth/connector-authorizer.js';
import { ProxyError } from '../proxy-error.js';
import { valuesOf } from '../upstream/headers.js';
import type { LookupOwner } from '../upstream/resolver.js';
import type { AccessLogEntry } from './access-log-entry.js';

/** A client whose token counts, and what it named. */
export interface AuthenticatedRequest {
  readonly token: Secret;
  readonly client: ClientIdentity;
  readonly connectors: readonly ConnectorRef[];
}

const realm = 'Basic realm="connectors"';

/**
 * Who a request with `Proxy-Authorization` is from.
 * @throws {ProxyError} 407, after which the connection stays usable: many clients show credentials only then.
 * @throws {CodedError} when it could not be determined.
 */
export async function authenticate(
  request: IncomingMessage,
  authorizer: ConnectorAuthorizer,
  entry: AccessLogEntry,
  signal: AbortSignal,
): Promise<AuthenticatedRequest> {
  const credentials = parseProxyAuthorization(single(request, 'proxy-authorization'));
  if (credentials === undefined) {
    throw unauthenticated(
      'proxy credentials missing: use the user name and password of the proxy URL in the volume (http_proxy, https_proxy)',
    );
  }
  const { token, connectors } = credentials;
  entry.names(connectors);
  const client = await authorizer.identify(token, addressOf(request), signal);
  if (client === undefined) {
    throw unauthenticated(`${authorizer.problemOf(token)}: read http_proxy and https_proxy from the volume again`);
  }
  return { token, client: client, connectors };
}

/**
 * Who a request to the proxy itself is from, whose `Authorization` is the proxy's.
 * @throws {ProxyError} 401; {CodedError} when it could not be determined.
 */
export async function authenticateReverse(
  request: IncomingMessage,
  authorizer: ConnectorAuthorizer,
  signal: AbortSignal,
): Promise<Pick<AuthenticatedRequest, 'token' | 'client'>> {
  const token = parseReverseAuthorization(single(request, 'authorization'));
  const client = token === undefined ? undefined : await authorizer.identify(token, addressOf(request), signal);
  if (token !== undefined && client !== undefined) return { token, client: client };
  throw new ProxyError(
    401,
    'unauthenticated',
    token === undefined
      ? 'proxy credentials missing: use the token of the volume (context.token) as password or bearer token'
      : `${authorizer.problemOf(token)}: read context.token from the volume again`,
    { headers: { 'WWW-Authenticate': realm } },
  );
}

/** Of the client, also of one inside a tunnel. */
export function addressOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? '';
}

/** Twice is once too often: the others may have heeded the other one. */
function single(request: IncomingMessage, name: string): string | undefined {
  const values = valuesOf(request.rawHeaders, name);
  return values.length === 1 ? values[0] : undefined;
}

function unauthenticated(message: string): ProxyError {
  return new ProxyError(407, 'unauthenticated', message, { headers: { 'Proxy-Authenticate': realm } });
}

/** Whose turn it is at what many want at once. */
export function ownerOf({ user, pod }: ClientIdentity): LookupOwner {
  const namespace = pod?.namespace ?? serviceAccountOf(user)?.namespace ?? '';
  return { chosenBy: 'client', namespace, holder: pod?.uid ?? '' };
}

/** For what requests in flight are counted, and how messages call it: the token's pod, or its user. */
export function holderOf({ user, pod }: ClientIdentity): readonly [key: string, name: string] {
  return pod === undefined ? [user, user] : [pod.uid, `pod ${pod.namespace}/${pod.name}`];
}
