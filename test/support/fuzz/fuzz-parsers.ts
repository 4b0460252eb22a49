import { monitorEventLoopDelay } from 'node:perf_hooks';
import { answerTargets } from './answer-targets.js';
import { fuzz } from './fuzz-run.js';
import type { FuzzResult } from './fuzz-run.js';
import type { FuzzSettings } from './fuzz-settings.js';
import { kubeconfigTarget } from './kubeconfig-target.js';
import { proxyTargets } from './proxy-targets.js';
import { requestTargets } from './request-targets.js';

export interface FuzzReport {
  readonly results: readonly FuzzResult[];
  /** The longest that the event loop was held up, which is a case and the making of its input and collections of garbage. */
  readonly eventLoopMaxMs: number;
  readonly rssBeforeBytes: number;
  readonly rssAfterBytes: number;
  readonly unhandled: readonly unknown[];
}

/** Shares the cases out among all parsers of the driver and the proxy that read what others wrote. */
export async function fuzzParsers(
  { cases, seed }: FuzzSettings,
  onResult: (result: FuzzResult) => void,
): Promise<FuzzReport> {
  const { kubeconfigs, remove } = kubeconfigTarget();
  const targets = [...requestTargets, ...answerTargets, ...proxyTargets, kubeconfigs];
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  const unhandled: unknown[] = [];
  const keep = (reason: unknown): void => void unhandled.push(reason);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  process.on('unhandledRejection', keep);
  delay.enable();
  const rssBeforeBytes = process.memoryUsage.rss();
  const results: FuzzResult[] = [];
  try {
    for (const target of targets) {
      const result = await fuzz(target, { cases: Math.ceil((cases * target.share) / shares), seed });
      results.push(result);
      onResult(result);
    }
  } finally {
    delay.disable();
    process.off('unhandledRejection', keep);
    remove();
  }
  const rssAfterBytes = process.memoryUsage.rss();
  return { results, eventLoopMaxMs: delay.max / 1e6, rssBeforeBytes, rssAfterBytes, unhandled };
}

export function resultLine({ name, cases, seconds, longestMs, stalling }: FuzzResult): string {
  const slow = stalling.length === 0 ? '' : `, ${stalling.length} over 100 ms, such as ${stalling[0]!.slice(0, 200)}`;
  return `${name}: ${cases} cases, ${seconds.toFixed(1)} s, longest ${longestMs.toFixed(1)} ms${slow}`;
}
