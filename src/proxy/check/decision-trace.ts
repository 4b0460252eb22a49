import type { Connector, ConnectorRef } from '../../shared/connectors/model.ts';
import { CodedError } from '../../shared/errors.ts';
import { isKubeError } from '../../shared/kube/kube-error.ts';
import { printable } from '../../shared/message-text.ts';
import type { ToolAddress } from '../connectors/tool-address.ts';
import type { ProxyError, ProxyErrorKind } from '../proxy-error.ts';
import type { Decision } from '../rules/decision.ts';
import type { Verb } from '../rules/read-only.ts';
import { toProxyError } from '../server/error-response.ts';
import type { RouteRecord } from '../server/server-observer.ts';
import { stepNames } from './answer.ts';
import type { Answer, Step, StepName } from './answer.ts';

/** Failures that are no answer: another try can have another result. */
const undecided: ReadonlySet<ProxyErrorKind> = new Set(['unavailable', 'overload', 'rate_limited', 'internal']);

/** Records what the proxy's classes decide about one request. */
export class DecisionTrace implements RouteRecord {
  readonly #isOtherUser: boolean;
  readonly #steps = new Map<StepName, Step>();
  named: readonly ConnectorRef[] = [];
  /** The Connector whose rules are enforced, and the address of it that the request has. */
  connector: Connector | undefined;
  address: ToolAddress | undefined;
  verb: Verb | undefined;
  decision: Decision['outcome'] | undefined;
  rule: string | undefined;
  credential: Answer['credential'] = null;
  /** The proxy's response; undefined if the request passes. */
  response: ProxyError | undefined;

  /** @param isOtherUser whether the API server is asked by another user than the proxy's. */
  constructor(isOtherUser: boolean) {
    this.#isOtherUser = isOtherUser;
  }

  /**
   * Records a step. A later result of it replaces an earlier one. Owners of Connectors and Secrets could send commands
   * to the terminal of the reader, so control characters are replaced.
   */
  add(step: StepName, level: Step['level'], text: string): void {
    this.#steps.set(step, { step, level, text: printable(text) });
  }

  /**
   * Records that the proxy rejects the request. The first rejection counts.
   * @throws {unknown} the error itself, if it is a failure and no decision.
   */
  reject(step: StepName, error: unknown): void {
    if (this.response !== undefined) return;
    const rejection = toProxyError(error);
    if (undecided.has(rejection.kind) || (this.#isOtherUser && isForbidden(error))) throw error;
    this.response = rejection;
    const rule = step === 'rules' ? ` (decided by ${this.rule ?? ''})` : '';
    this.add(step, 'fail', `${rejection.status}: ${rejection.message}${rule}`);
  }

  /** Runs a part of the decision, and records for this step that it rejects the request. @throws {unknown} its error. */
  async within<T>(step: StepName, decide: () => Promise<T>): Promise<T> {
    try {
      return await decide();
    } catch (error) {
      this.reject(step, error);
      throw error;
    }
  }

  get steps(): readonly Step[] {
    return stepNames.flatMap((step) => this.#steps.get(step) ?? []);
  }
}

/** Reports whether the API server denied the user that reads what decides. */
export function isForbidden(error: unknown): boolean {
  return error instanceof CodedError && isKubeError(error.cause, 403);
}
