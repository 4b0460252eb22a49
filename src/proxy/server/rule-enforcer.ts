import type { IncomingMessage } from 'node:http';
import type { ResolvedConnector } from '../../connectors/model.js';
import { decide } from '../../rules/decision.js';
import type { Decision } from '../../rules/decision.js';
import { isOfClass, ruleAnnotations, rulesOf } from '../../rules/request-rules.js';
import { RuledRequest } from '../../rules/ruled-request.js';
import { ProxyError } from '../proxy-error.js';
import { isPassableUpgrade } from '../upstream/upgrade.js';
import type { AccessLogEntry } from './access-log-entry.js';
import { pathnameOf } from './request-target.js';

/** Receives the decisions of rules, for metrics. */
export interface RuleObserver {
  ruled(outcome: Decision['outcome']): void;
}

const override = `override it by annotation ${ruleAnnotations.access}: full`;

/** Enforces the rules of Connectors and their classes. */
export class RuleEnforcer {
  readonly #observer: RuleObserver;

  constructor(observer: RuleObserver) {
    this.#observer = observer;
  }

  /**
   * Enforces the rules of a Connector for a request of an authorized client, before a credential is read or a byte of the
   * body is sent.
   * @param entry records the decision.
   * @returns whether the credential must suffice for reads only.
   * @throws {ProxyError} 403 that names the Connector, the rule, and the annotation to change.
   */
  enforce(
    { connector, connectorClass }: ResolvedConnector,
    request: RuledRequest,
    entry: Pick<AccessLogEntry, 'decides'>,
  ): { readonly isReadOnly: boolean } {
    const sets = rulesOf(connector, connectorClass);
    if (sets.length === 0) {
      entry.decides('allowed');
      return { isReadOnly: false };
    }
    const { outcome, rule = '', reason = '' } = decide(sets, request);
    entry.decides(outcome, rule === '' ? undefined : rule);
    this.#observer.ruled(outcome);
    if (outcome !== 'denied') {
      return { isReadOnly: sets.some((set) => 'isReadOnly' in set && set.isReadOnly && !set.isAudit) };
    }
    const { namespace, name } = connector.ref;
    throw new ProxyError(
      403,
      'denied_by_rule',
      `${reason}; the owner of connector ${namespace}/${name} can ${isOfClass(rule) ? override : 'change it'}`,
    );
  }
}

/** @param path as sent to the tool, with the query. */
export function ruledRequest(request: Pick<IncomingMessage, 'method' | 'rawHeaders'>, path: string): RuledRequest {
  const pathname = pathnameOf(path);
  const { method = '', rawHeaders } = request;
  return new RuledRequest({
    ...{ method, pathname, query: path.slice(pathname.length + 1), rawHeaders },
    isUpgrade: isPassableUpgrade(request),
  });
}
