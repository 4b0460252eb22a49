import type { ConnectorRef } from '../../shared/connectors/model.js';
import { CodedError } from '../../shared/errors.js';
import { isKubeError } from '../../shared/kube/kube-error.js';
import { toProxyError } from '../server/error-response.js';
import type { ProxyError, ProxyErrorKind } from '../proxy-error.js';
import type { RouteObserver } from '../server/route-observer.js';
import type { Decision } from '../rules/decision.js';
import type { Verb } from '../rules/verb.js';
import { printable } from '../../shared/wording.js';
import { stepNames } from './answer.js';
import type { Step, StepName } from './answer.js';

/** Failures that are no answer: another try can have another result. */
const undecided: ReadonlySet<ProxyErrorKind> = new Set(['unavailable', 'overload', 'rate_limited', 'internal']);

/** Records what the proxy's classes decide about one request. */
export class DecisionTrace implements RouteObserver {
  readonly #isOtherUser: boolean;
  readonly #steps = new Map<StepName, Step>();
  readonly #recorded = new Set<unknown>();
  #response: ProxyError | undefined;
  #atHost: readonly ConnectorRef[] | undefined;
  #verb: Verb | undefined;
  #decision: Decision['outcome'] | undefined;
  #rule: string | undefined;

  /** @param isOtherUser whether the API server is asked by another user than the proxy's. */
  constructor(isOtherUser: boolean) {
    this.#isOtherUser = isOtherUser;
  }

  /**
   * Records a step. The first result of a step stays. Owners of Connectors and Secrets could send commands to the
   * terminal of the reader, so control characters are replaced.
   */
  add(step: StepName, level: Step['level'], text: string): void {
    if (!this.#steps.has(step)) this.#steps.set(step, { step, level, text: printable(text) });
  }

  /**
   * Records that the proxy rejects the request. The first rejection is its response; later ones are shown as well.
   * @param text completes the message for this step.
   * @throws {unknown} the error itself, if it is a failure and no decision.
   */
  reject(step: StepName, error: unknown, text = (message: string) => message): void {
    if (this.#recorded.has(error)) return;
    const rejection = toProxyError(error);
    if (undecided.has(rejection.kind)) throw error;
    if (this.#isOtherUser && isForbidden(error)) {
      const fix = 'check it in the container of the proxy, or with another kubeconfig';
      throw new CodedError('FAILED_PRECONDITION', `this user cannot read what decides: ${fix}`, { cause: error });
    }
    this.#recorded.add(error);
    this.#response ??= rejection;
    this.add(step, 'fail', text(`${rejection.status}: ${rejection.message}`));
  }

  setNamed(connectors: readonly ConnectorRef[]): void {
    this.#atHost ??= connectors;
  }

  setVerb(verb: Verb): void {
    this.#verb = verb;
  }

  setDecision(decision: Decision['outcome'], rule?: string): void {
    this.#decision = decision;
    this.#rule = rule;
  }

  /** The named connectors that have an address at the host of the request. */
  get atHost(): readonly ConnectorRef[] {
    return this.#atHost ?? [];
  }

  get verb(): Verb | undefined {
    return this.#verb;
  }

  get decision(): Decision['outcome'] | undefined {
    return this.#decision;
  }

  get rule(): string | undefined {
    return this.#rule;
  }

  /** The proxy's response; undefined if the request passes. */
  get response(): ProxyError | undefined {
    return this.#response;
  }

  get steps(): readonly Step[] {
    return stepNames.flatMap((step) => this.#steps.get(step) ?? []);
  }
}

/** Reports whether the API server denied the user that reads what decides. */
export function isForbidden(error: unknown): boolean {
  return error instanceof CodedError && isKubeError(error.cause, 403);
}
