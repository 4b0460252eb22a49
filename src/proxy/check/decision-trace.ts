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

/** The steps of the proxy's decision, in their order. */
const stepNames = ['request', 'connector', 'permission', 'approval', 'rules', 'credential', 'destination'] as const;
type StepName = (typeof stepNames)[number];

/** One step. Steps that the proxy would not reach are absent. */
interface Step {
  readonly step: StepName;
  /** `fail`: the proxy rejects the request here. `warn`: it passes, but not as its owner could expect. */
  readonly level: 'ok' | 'warn' | 'fail';
  /** One line. For `fail` the text of the proxy's response. */
  readonly text: string;
}

/** Whether the proxy would let a request pass, and why. `--output json` prints it; docs/rules.md describes it. */
export interface Answer {
  readonly passes: boolean;
  /** The proxy's response; null if the request passes. */
  readonly response: {
    readonly status: number;
    readonly reason: ProxyErrorKind;
    readonly message: string;
  } | null;
  /** `NAMESPACE/NAME` of the Connector whose credential the request gets; null if it gets none. */
  readonly connector: string | null;
  /** The verb of RBAC that the request needs; null without a Connector. */
  readonly verb: Verb | null;
  /** The decision of rules; null if they were not reached. */
  readonly decision: Decision['outcome'] | null;
  /** The rule that decided: `ci/harbor:3`, `class git:1`, `read-only`; null if none did. */
  readonly rule: string | null;
  /** The Secret of the credential; null if the Connector has none, or it was not read. Its type is null if unknown. */
  readonly credential: { readonly secret: string; readonly type: string | null } | null;
  /** Where the request would go, without its query; null if it does not pass. */
  readonly destination: {
    readonly scheme: 'http' | 'https';
    readonly host: string;
    readonly port: number;
    /** Null for a tunnel, of whose requests the proxy sees nothing. */
    readonly path: string | null;
  } | null;
  readonly steps: readonly Step[];
}

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
