import type { ApprovalSubject } from '../../shared/access/access-request.js';
import { accessRequestName } from '../../shared/access/access-request.js';
import type { Permission } from '../../shared/access/permission.js';
import { describePermission, isApprovalOn } from '../../shared/access/permission.js';
import type { FeatureFlags } from '../../shared/connectors/model.js';
import type { Authorizer, PodApprovals, TokenVerifier } from '../auth/ports.js';
import type { ClientIdentity } from '../auth/client-identity.js';
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

/** Authorizes one request with the proxy's own authorizer, and records which permissions decided. */
export class PermissionCheck implements RouteAuthorizer {
  readonly #trace: DecisionTrace;
  readonly #authorizer: ConnectorAuthorizer;
  readonly #asked: { readonly permissions: readonly Permission[]; readonly isAllowed: boolean }[] = [];
  #approval: { readonly subject: ApprovalSubject; readonly isGranted: boolean } | undefined;
  #flags: FeatureFlags | undefined;

  constructor({ authorizer, approvals, flags }: DecisionSources, trace: DecisionTrace) {
    this.#trace = trace;
    this.#authorizer = new ConnectorAuthorizer({
      tokens: noTokens,
      authorizer: this.#recorded(authorizer),
      approvals: this.#recordedApprovals(approvals),
      audience: '',
      clock: { now: () => Date.now() },
      flags: async (signal) => (this.#flags = await flags(signal)),
    });
  }

  /** Records a denial and returns, so that the later steps are checked too. */
  async authorize(...args: Parameters<RouteAuthorizer['authorize']>): Promise<void> {
    try {
      await this.#authorizer.authorize(...args);
      this.#trace.add('permission', 'ok', this.#granted());
    } catch (error) {
      // Others are about the Connector, which is read for the verb.
      if (!(error instanceof ProxyError) || error.kind !== 'denied') throw error;
      this.#trace.reject('permission', error);
    }
    this.#addApproval(args[0]);
  }

  async authorizeAny(
    ...args: Parameters<RouteAuthorizer['authorizeAny']>
  ): ReturnType<RouteAuthorizer['authorizeAny']> {
    try {
      const allowed = await this.#authorizer.authorizeAny(...args);
      this.#trace.add('permission', 'ok', this.#granted());
      return allowed;
    } catch (error) {
      this.#trace.reject('permission', error);
      throw error;
    }
  }

  #granted(): string {
    const granted = this.#asked.filter(({ isAllowed }) => isAllowed);
    return granted
      .map(({ permissions }) => permissions.map((each) => describePermission(each)).join(' or '))
      .join('; ');
  }

  #addApproval({ pod }: ClientIdentity): void {
    if (this.#flags === undefined || !isApprovalOn(this.#flags)) {
      this.#trace.add('approval', 'ok', 'not needed: it is off (enable-connectors-approval)');
      return;
    }
    const proxyPermissions = this.#asked.filter(({ permissions }) =>
      permissions.some(({ resource }) => resource.startsWith('connectors/proxy')),
    );
    if (this.#approval !== undefined) {
      const { subject, isGranted } = this.#approval;
      const request = `AccessRequest ${subject.connector.namespace}/${accessRequestName(subject)}`;
      if (isGranted) this.#trace.add('approval', 'ok', `granted by ${request}`);
      else this.#trace.add('approval', 'fail', `needed: ${request} of this pod is not granted`);
    } else if (proxyPermissions.some(({ isAllowed }) => isAllowed)) {
      this.#trace.add('approval', 'ok', 'not needed: the service account has the permission itself');
    } else if (proxyPermissions.length > 0 && pod === undefined) {
      this.#trace.add('approval', 'fail', 'needed: name the pod by --pod and --pod-uid to check its AccessRequest');
    }
  }

  #recorded(authorizer: Authorizer): Authorizer {
    return {
      isAnyAllowed: async (client, permissions, signal) => {
        const isAllowed = await authorizer.isAnyAllowed(client, permissions, signal);
        this.#asked.push({ permissions, isAllowed });
        return isAllowed;
      },
    };
  }

  #recordedApprovals(approvals: PodApprovals): PodApprovals {
    return {
      isGranted: async (subject, signal) => {
        const isGranted = await approvals.isGranted(subject, signal);
        this.#approval = { subject, isGranted };
        return isGranted;
      },
    };
  }
}
