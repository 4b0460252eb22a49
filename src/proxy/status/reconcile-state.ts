import { TokenBucket } from '../../limits/token-bucket.js';
import type { RejectedCredential } from './connector-check.js';
import type { ConditionResult } from './conditions.js';
import type { StatusTimings } from './status-timings.js';

/** Changes of one status that are written in one go; from then on one in `quietMs`. */
const changesAtOnce = 4;

/** What is known of an object between two looks at it. Times are those of a monotonic clock, in milliseconds. */
export interface ReconcileState {
  /** What the findings are about: they count until it changes or they are old. */
  subject: string;
  results: readonly ConditionResult[];
  checkedMs: number;
  /** When it has to be checked again. */
  dueMs: number;
  /** Since when something is worse than what is written: found, or met by a request. */
  doubtedMs: number | undefined;
  /**
   * Since when it is not ready, how often it has been checked since then, and by how much longer than others it waits, so
   * that thousands that became unready at once are not checked at once. Undefined: it is ready.
   */
  unready: { readonly sinceMs: number; readonly checks: number; readonly spread: number } | undefined;
  /** A credential that the tool does not take is not shown to it again and again. */
  rejected: RejectedCredential | undefined;
  /** When it was shown to the tool. */
  rejectedMs: number;
  /** A request has been served since the last check. */
  isServed: boolean;
  readonly changes: TokenBucket;
  /** Writes that have failed, in a row. */
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
