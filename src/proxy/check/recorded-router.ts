import { accessRequestName } from '../../shared/access/access-request.ts';
import { describePermission } from '../../shared/access/permission.ts';
import { jsonAt, jsonText } from '../../shared/json.ts';
import { ConnectorAuthorizer } from '../auth/connector-authorizer.ts';
import type { Authorizer, ClientIdentity, PodApprovals, TokenVerifier } from '../auth/ports.ts';
import type { DecisionSources } from '../backend.ts';
import type { ProxyConfig } from '../config.ts';
import { authNameProblem } from '../credentials/tool-credentials.ts';
import { ProxyError } from '../proxy-error.ts';
import { ownerProblem } from '../rules/request-rules.ts';
import { Router } from '../server/router.ts';
import type { RouterOptions } from '../server/router.ts';
import { ThreadShares } from '../thread-shares.ts';
import { RuleEnforcer } from '../server/rule-enforcer.ts';
import type { ToolAccess } from '../tool-access.ts';
import { noCredential } from '../tool/tool-credential.ts';
import { Via } from '../tool/via.ts';
import type { DecisionTrace } from './decision-trace.ts';

interface RecordedRouterOptions {
  readonly sources: DecisionSources;
  readonly config: Pick<ProxyConfig, 'unmatched-hosts'>;
  readonly tools: ToolAccess;
  /** Undefined: permissions are not checked. */
  readonly client: ClientIdentity | undefined;
  /** Whether the credential and the CA must be usable. */
  readonly needsCredential: boolean;
}

/** Returns the proxy's router for one request. Its parts record what they decide. */
export function recordedRouter(options: RecordedRouterOptions, trace: DecisionTrace): Router {
  const { sources, config, tools, client } = options;
  return new Router({
    authorizer: client === undefined ? uncheckedPermissions(trace) : recordedPermissions(sources, trace),
    connectors: sources.connectors,
    rules: recordedRules(trace),
    credentials: recordedCredentials(options, trace),
    trust: recordedTrust(options, trace),
    trustStores: tools.trustStores,
    unmatchedHosts: config['unmatched-hosts'],
    via: new Via(() => undefined),
    isSelfName: (host) => tools.self.isSelfName(host),
  });
}

function recordedRules(trace: DecisionTrace): RouterOptions['rules'] {
  const enforcer = new RuleEnforcer(
    { ruled: () => undefined },
    new ThreadShares(
      () => 0,
      () => 0,
    ),
  );
  return {
    permitsRead: (found, pathname) => enforcer.permitsRead(found, pathname),
    enforce: (found, forRules, entry) => {
      const { connector, connectorClass } = found;
      trace.connector = connector;
      try {
        enforcer.enforce(found, forRules, entry);
      } catch (error) {
        trace.reject('rules', error);
        throw error;
      }
      const problem = ownerProblem(connector, connectorClass);
      const { rule } = trace;
      const limits = 'until then each pod has the smallest limits';
      if (problem !== undefined) trace.add('rules', 'warn', `${problem.message}; ${limits}`);
      else if (trace.decision === 'audit') trace.add('rules', 'warn', `${rule ?? ''} only audits: it would deny this`);
      else trace.add('rules', 'ok', rule === undefined ? 'no rule denies it' : `allowed by ${rule}`);
    },
  };
}

function recordedTrust(
  { tools: { trust, trustStores }, needsCredential }: RecordedRouterOptions,
  trace: DecisionTrace,
): RouterOptions['trust'] {
  return {
    of: async (connector, signal) =>
      needsCredential
        ? trace.within('destination', async () => trust.of(connector, signal))
        : trustStores.getOrCreate([]),
  };
}

function recordedCredentials(
  { sources, tools, needsCredential }: RecordedRouterOptions,
  trace: DecisionTrace,
): RouterOptions['credentials'] {
  return {
    of: async (connector, connectorClass, address, signal) => {
      trace.address = address;
      if (!needsCredential) return noCredential;
      const { namespace } = connector.ref;
      const name = jsonText(jsonAt(connector.object['spec'], 'auth', 'secretRef'), 'name');
      if (name !== undefined) trace.credential = { secret: `${namespace}/${name}`, type: null };
      return trace.within('credential', async () => {
        const credential = await tools.credentials.of(connector, connectorClass, address, signal);
        await credential.check?.(signal);
        const type = name && (await sources.secrets.get({ namespace, name }, signal))?.type;
        if (name !== undefined && type !== undefined) trace.credential = { secret: `${namespace}/${name}`, type };
        const authProblem = authNameProblem(connector, connectorClass);
        if (authProblem !== undefined) trace.add('credential', 'warn', authProblem);
        else if (name === undefined || type === undefined) {
          trace.add('credential', 'ok', 'none: spec.auth.secretRef is not set');
        } else {
          trace.add('credential', 'ok', `Secret ${namespace}/${name} of type ${type}`);
        }
        return credential;
      });
    },
  };
}

/** Nothing verifies a token: `--as` names the client. */
const noTokens: TokenVerifier = { verify: () => Promise.resolve(undefined) };

/** Leaves permissions unchecked. */
function uncheckedPermissions(trace: DecisionTrace): RouterOptions['authorizer'] {
  trace.add('permission', 'ok', 'not checked');
  return {
    authorize: () => Promise.resolve(),
    authorizeAny: (_client, connectors) => Promise.resolve(connectors),
  };
}

/** Returns the proxy's own authorizer, which records the permissions and approvals that decide. */
function recordedPermissions(sources: DecisionSources, trace: DecisionTrace): RouterOptions['authorizer'] {
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
