import { CodedError, throwIfAborted } from '../../shared/errors.js';
import type { AccessControl, AccessDecision, AuthorizationRequest } from '../../shared/access/access-control.js';
import type { Call } from '../../shared/limits/call.js';
import type { ConnectorSource } from '../../shared/connectors/connector-source.js';
import type { ResolvedConnector } from '../../shared/connectors/model.js';

/**
 * Returns the connectors, after a check that the pod can read them. Their watches are reserved first: otherwise a pod
 * that names more than its share would cause reviews for each of them, with every retry.
 * @param isPublished whether access was reviewed before.
 * @throws {CodedError} as `ensureCanRead` and `ConnectorSource.resolve`.
 */
export async function readConnectors(
  deps: { readonly source: ConnectorSource; readonly access: AccessControl },
  request: AuthorizationRequest,
  isPublished: boolean,
  call: Call,
): Promise<readonly ResolvedConnector[]> {
  const release = deps.source.reserve(request.connectors, call.owner);
  try {
    if (!isPublished) await ensureCanRead(deps, request, call);
    return await deps.source.resolve(request.connectors, call);
  } finally {
    release();
  }
}

/**
 * Rejects pods without access before a connector is looked up, so that a pod cannot probe for names in another
 * namespace. Cached connectors need no lookup, and `decideAccess` reveals nothing else about them.
 * @throws {CodedError} PERMISSION_DENIED; UNAVAILABLE if there is no response; the call's reason.
 */
async function ensureCanRead(
  { source, access }: { readonly source: ConnectorSource; readonly access: AccessControl },
  request: AuthorizationRequest,
  call: Call,
): Promise<void> {
  if (source.peek(request.connectors) !== undefined) return;
  await access.authorize({ ...request, flags: { ...request.flags, connectorProxyPermissions: false } }, call);
  throwIfAborted(call.signal);
}

/**
 * Returns the decision of access control. `unknown`: the API server does not respond and the volume is published; it
 * can keep its files, but gets nothing new.
 */
export async function decideAccess(
  access: AccessControl,
  request: AuthorizationRequest,
  isPublished: boolean,
  call: Call,
): Promise<AccessDecision | { readonly kind: 'unknown'; readonly cause: CodedError }> {
  try {
    return await access.authorize(request, call);
  } catch (error) {
    if (!isPublished || !(error instanceof CodedError) || error.code !== 'UNAVAILABLE') throw error;
    return { kind: 'unknown', cause: error };
  }
}
