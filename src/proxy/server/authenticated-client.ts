import type { IncomingMessage } from 'node:http';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { Secret } from '../../shared/secret.ts';
import type { ClientIdentity } from '../auth/ports.ts';
import { parseProxyAuthorization, parseReverseAuthorization } from '../auth/credentials.ts';
import type { ConnectorAuthorizer } from '../auth/connector-authorizer.ts';
import { ProxyError } from '../proxy-error.ts';
import { valuesOf } from '../tool/headers.ts';
import type { ToolOwner } from '../tool/resolver.ts';
import type { RouteRecord } from './server-observer.ts';

/** A client with a valid token, and the connectors that it named. */
export interface AuthenticatedClient {
  readonly token: Secret;
  readonly client: ClientIdentity;
  readonly connectors: readonly ConnectorRef[];
}

/** A client and the connectors that it named. */
export type ClientWithConnectors = Omit<AuthenticatedClient, 'token'>;

const realm = 'Basic realm="connectors"';

/**
 * Authenticates a request by `Proxy-Authorization`.
 * @throws {ProxyError} 407. The connection stays usable, because many clients send credentials only after it.
 * @throws {CodedError} if the review failed.
 */
export async function authenticate(
  request: IncomingMessage,
  authorizer: ConnectorAuthorizer,
  entry: RouteRecord,
  signal: AbortSignal,
): Promise<AuthenticatedClient> {
  const credentials = parseProxyAuthorization(single(request, 'proxy-authorization'));
  if (credentials === undefined) {
    throw unauthenticated(
      'proxy credentials missing: use the user name and password of the proxy URL in the volume (http_proxy, https_proxy)',
    );
  }
  const { token, connectors } = credentials;
  entry.named = connectors;
  const client = await authorizer.identify(token, addressOf(request), signal);
  if (client === undefined) {
    throw unauthenticated(`${authorizer.problemOf(token)}: read http_proxy and https_proxy from the volume again`);
  }
  return { token, client, connectors };
}

/**
 * Authenticates a request in reverse mode by `Authorization`, which then holds the credentials for the proxy.
 * @returns the client, and the user name that it sent with its token.
 * @throws {ProxyError} 401.
 * @throws {CodedError} if the review failed.
 */
export async function authenticateReverse(
  request: IncomingMessage,
  authorizer: ConnectorAuthorizer,
  signal: AbortSignal,
): Promise<{ readonly client: ClientIdentity; readonly user: string | undefined }> {
  const { user, token } = parseReverseAuthorization(single(request, 'authorization')) ?? {};
  const client = token === undefined ? undefined : await authorizer.identify(token, addressOf(request), signal);
  if (client !== undefined) return { client, user };
  throw new ProxyError(
    401,
    'unauthenticated',
    token === undefined
      ? 'proxy credentials missing: use the token of the volume (context.token) as password or bearer token'
      : `${authorizer.problemOf(token)}: read context.token from the volume again`,
    { headers: { 'WWW-Authenticate': realm } },
  );
}

/** Returns the client's address, also for requests inside a tunnel. */
export function addressOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? '';
}

/** Returns the value of a header; undefined if it occurs twice, because other parties could honor the other value. */
function single(request: IncomingMessage, name: string): string | undefined {
  const values = valuesOf(request.rawHeaders, name);
  return values.length === 1 ? values[0] : undefined;
}

function unauthenticated(message: string): ProxyError {
  return new ProxyError(407, 'unauthenticated', message, { headers: { 'Proxy-Authenticate': realm } });
}

/** Returns the owner of the client's DNS lookups, for fair queueing. */
export function ownerOf({ account, pod }: ClientIdentity): ToolOwner {
  return { chosenBy: 'client', namespace: account?.namespace ?? '', holder: pod?.uid ?? '' };
}

/** Returns what limits for each pod count by: the token's pod, or its user. */
export function podOf({ user, pod }: ClientIdentity): string {
  return pod?.uid ?? user;
}
