import { accessRequestName } from '../../shared/access/access-request.js';
import { describePermission } from '../../shared/access/permission.js';
import type { Authorizer, PodApprovals, TokenVerifier } from '../auth/ports.js';
import { ConnectorAuthorizer } from '../auth/connector-authorizer.js';
import type { DecisionSources } from '../backend.js';
import { ProxyError } from '../proxy-error.js';
import type { RouterOptions } from '../server/router.js';
import type { DecisionTrace } from './decision-trace.js';

type RouteAuthorizer = RouterOptions['authorizer'];

/** Nothing verifies a token: `--as` names the client. */
const noTokens: TokenVerifier = { verify: () => Promise.resolve(undefined) };

/** Leaves permissions unchecked. */
export function uncheckedPermissions(trace: DecisionTrace): RouteAuthorizer {
  trace.add('permission', 'ok', 'not checked');
  return {
    authorize: () => Promise.resolve(),
    authorizeAny: (_client, connectors) => Promise.resolve(connectors),
  };
}

/** Returns the proxy's own authorizer, which records the permissions and approvals that decide. */
export function recordedPermissions(sources: DecisionSources, trace: DecisionTrace): RouteAuthorizer {
  let granted: string[] = [];
  const authorizer: Authorizer = {
    isAnyAllowed: async (client, permissions, signal) => {
      const isAllowed = await sources.authorizer.isAnyAllowed(client, permissions, signal);
      if (isAllowed) granted.push(permissions.map((each) => describePermission(each)).join(' or '));
      return isAllowed;
    },
  };
  const approvals: PodApprovals = {
    isGranted: async (subject, signal) => {
      const isGranted = await sources.approvals.isGranted(subject, signal);
      const request = `AccessRequest ${subject.connector.namespace}/${accessRequestName(subject)}`;
      if (isGranted) trace.add('approval', 'ok', `granted by ${request}`);
      else trace.add('approval', 'fail', `needed: ${request} of this pod is not granted`);
      return isGranted;
    },
  };
  const { flags } = sources;
  const options = { tokens: noTokens, authorizer, approvals, audience: '', clock: { now: () => Date.now() }, flags };
  const decides = new ConnectorAuthorizer(options);
  const record = async <T>(authorize: () => Promise<T>): Promise<T> => {
    granted = [];
    try {
      const result = await authorize();
      trace.add('permission', 'ok', granted.join('; '));
      return result;
    } catch (error) {
      // Others are about the Connector, which is read for the verb.
      if (error instanceof ProxyError && error.kind === 'denied') trace.reject('permission', error);
      throw error;
    }
  };
  return {
    authorize: (...args) => record(() => decides.authorize(...args)),
    authorizeAny: (...args) => record(() => decides.authorizeAny(...args)),
  };
}
