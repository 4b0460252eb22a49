import { TokenBucket } from '../../shared/limits/token-bucket.js';
import type { RejectedCredential } from './connector-check.js';
import type { ConditionResult } from './conditions.js';
import type { StatusTimings } from './status-timings.js';

/** Burst of changes of one status; then one in `quietMs`. */
const changesAtOnce = 4;

/** State of an object between reconciliations. Times are monotonic, in milliseconds. */
export interface ReconcileState {
  /** Key of the inputs of the results. They are valid until it changes or they are old. */
  subject: string;
  results: readonly ConditionResult[];
  checkedMs: number;
  /** Time of the next check. */
  dueMs: number;
  /** Time of the first check or request that found a worse status than the written one; undefined if none did. */
  doubtedMs: number | undefined;
  /**
   * Start of the unready phase, number of checks in it, and a factor of the check interval. The factor spreads the
   * checks of thousands of Connectors that became unready at once. Undefined: it is ready.
   */
  unready: { readonly sinceMs: number; readonly checks: number; readonly spread: number } | undefined;
  /** A credential that the tool rejected, so that it is not sent repeatedly. */
  rejected: RejectedCredential | undefined;
  /** When it was sent to the tool. */
  rejectedMs: number;
  /** Whether a request was served since the last check. */
  isServed: boolean;
  readonly changes: TokenBucket;
  /** Consecutive failed writes. */
  failures: number;
}

export function newReconcileState({ quietMs }: Pick<StatusTimings, 'quietMs'>, now: () => number): ReconcileState {
  return {
    subject: '',
    results: [],
    checkedMs: -Infinity,
    dueMs: -Infinity,
    doubtedMs: undefined,
    unready: undefined,
    rejected: undefined,
    rejectedMs: -Infinity,
    isServed: false,
    changes: new TokenBucket({ burst: changesAtOnce, everyMs: quietMs }, now),
    failures: 0,
  };
}
