import type { IncomingMessage } from 'node:http';
import type { ConnectorRef } from '../../connectors/model.js';
import type { Secret } from '../../secret.js';
import { serviceAccountOf } from '../caller/caller.js';
import type { Caller } from '../caller/caller.js';
import { parseProxyAuthorization, parseReverseAuthorization } from '../caller/credentials.js';
import type { Gatekeeper } from '../caller/gatekeeper.js';
import { Refusal } from '../refusal.js';
import { valuesOf } from '../upstream/headers.js';
import type { LookupOwner } from '../upstream/resolver.js';
import type { RequestRecord } from './request-record.js';

/** A client whose token counts, and what it named. */
export interface Visit {
  readonly token: Secret;
  readonly caller: Caller;
  readonly connectors: readonly ConnectorRef[];
}

const realm = 'Basic realm="connectors"';

/**
 * Who a request with `Proxy-Authorization` is from.
 * @throws {Refusal} 407, after which the connection stays usable: many clients show credentials only then.
 * @throws {DriverError} when it could not be determined.
 */
export async function admit(
  request: IncomingMessage,
  gatekeeper: Gatekeeper,
  record: RequestRecord,
  signal: AbortSignal,
): Promise<Visit> {
  const credentials = parseProxyAuthorization(single(request, 'proxy-authorization'));
  if (credentials === undefined) {
    throw unauthenticated(
      'proxy credentials missing: use the user name and password of the proxy URL in the volume (http_proxy, https_proxy)',
    );
  }
  const { token, connectors } = credentials;
  record.names(connectors);
  const caller = await gatekeeper.identify(token, addressOf(request), signal);
  if (caller === undefined) {
    throw unauthenticated(`${gatekeeper.problemOf(token)}: read http_proxy and https_proxy from the volume again`);
  }
  return { token, caller, connectors };
}

/**
 * Who a request to the proxy itself is from, whose `Authorization` is the proxy's.
 * @throws {Refusal} 401; {DriverError} when it could not be determined.
 */
export async function admitReverse(
  request: IncomingMessage,
  gatekeeper: Gatekeeper,
  signal: AbortSignal,
): Promise<Pick<Visit, 'token' | 'caller'>> {
  const token = parseReverseAuthorization(single(request, 'authorization'));
  const caller = token === undefined ? undefined : await gatekeeper.identify(token, addressOf(request), signal);
  if (token !== undefined && caller !== undefined) return { token, caller };
  throw new Refusal(
    401,
    'unauthenticated',
    token === undefined
      ? 'proxy credentials missing: use the token of the volume (context.token) as password or bearer token'
      : `${gatekeeper.problemOf(token)}: read context.token from the volume again`,
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

function unauthenticated(message: string): Refusal {
  return new Refusal(407, 'unauthenticated', message, { headers: { 'Proxy-Authenticate': realm } });
}

/** Whose turn it is at what many want at once. */
export function ownerOf({ user, pod }: Caller): LookupOwner {
  const namespace = pod?.namespace ?? serviceAccountOf(user)?.namespace ?? '';
  return { chosenBy: 'client', namespace, holder: pod?.uid ?? '' };
}

/** For what requests in flight are counted, and how messages call it: the token's pod, or its user. */
export function holderOf({ user, pod }: Caller): readonly [key: string, name: string] {
  return pod === undefined ? [user, user] : [pod.uid, `pod ${pod.namespace}/${pod.name}`];
}
