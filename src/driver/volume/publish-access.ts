import { CodedError, throwIfAborted } from '../../errors.js';
import type { AccessControl, AccessDecision, AuthorizationRequest } from '../../access/access-control.js';
import type { Call } from '../../limits/call.js';
import type { ConnectorSource } from '../../connectors/connector-source.js';
import type { ResolvedConnector } from '../../connectors/model.js';

/**
 * The connectors, for who may know of them. Whether they can be watched at all is looked at first: a pod that names more
 * than its share would otherwise have the API server asked about each of them again and again.
 * @param isPublished whether it has been asked before.
 * @throws {CodedError} as `ensureMayKnow` and `ConnectorSource.resolve`.
 */
export async function readConnectors(
  deps: { readonly source: ConnectorSource; readonly access: AccessControl },
  asked: AuthorizationRequest,
  isPublished: boolean,
  call: Call,
): Promise<readonly ResolvedConnector[]> {
  const giveBack = deps.source.reserve(asked.connectors, call.owner);
  try {
    if (!isPublished) await ensureMayKnow(deps, asked, call);
    return await deps.source.resolve(asked.connectors, call);
  } finally {
    giveBack();
  }
}

/**
 * Who may not use a connector is not told whether it exists, nor is it looked for: another namespace's names are nobody's
 * business. Those in memory need no look, and `decideAccess` tells nothing else of them.
 * @throws {CodedError} PERMISSION_DENIED; UNAVAILABLE when that cannot be asked now; the call's reason.
 */
async function ensureMayKnow(
  { source, access }: { readonly source: ConnectorSource; readonly access: AccessControl },
  asked: AuthorizationRequest,
  call: Call,
): Promise<void> {
  if (source.peek(asked.connectors) !== undefined) return;
  await access.authorize({ ...asked, flags: { ...asked.flags, connectorProxyPermissions: false } }, call);
  throwIfAborted(call.signal);
}

/**
 * What access control says. `unknown` when the API cannot be asked now about a volume that is published: it may keep what
 * it has, but gets nothing new.
 */
export async function decideAccess(
  access: AccessControl,
  asked: AuthorizationRequest,
  isPublished: boolean,
  call: Call,
): Promise<AccessDecision | { readonly kind: 'unknown'; readonly cause: CodedError }> {
  try {
    return await access.authorize(asked, call);
  } catch (error) {
    if (!isPublished || !(error instanceof CodedError) || error.code !== 'UNAVAILABLE') throw error;
    return { kind: 'unknown', cause: error };
  }
}
