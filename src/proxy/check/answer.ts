import type { Decision } from '../rules/decision.ts';
import type { Verb } from '../rules/read-only.ts';
import type { ProxyErrorKind } from '../proxy-error.ts';

/** The steps of the proxy's decision, in their order. */
export const stepNames = [
  'request',
  'connector',
  'permission',
  'approval',
  'rules',
  'credential',
  'destination',
] as const;
export type StepName = (typeof stepNames)[number];

/** One step. Steps that the proxy would not reach are absent. */
export interface Step {
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
