import type { LimitName, LimitUsage, LimitObserver, RejectionScope } from '../shared/limits/limit-observer.ts';
import { ProgramMetrics } from '../shared/process/program-metrics.ts';
import type { VolumesOfACode, VolumesSummary } from './publish/published-volumes.ts';

/** Sources of the gauges, called when they are scraped. */
export interface DriverGaugeSources {
  readonly publishQueueLength: () => number;
  readonly load: () => Readonly<Partial<Record<LimitName, LimitUsage>>>;
  readonly volumes: () => VolumesSummary;
  /**
   * Age of the API server's least recent confirmation of a cached object, in milliseconds; undefined if nothing has
   * been read.
   */
  readonly confirmationAgeMs: () => number | undefined;
  readonly droppedLogLines: () => number;
  readonly isRegistered: () => boolean;
}

/** Seconds: a no-op republish takes under a millisecond, an approval up to two minutes. */
const rpcBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120];
const delayIntervalMs = 1000;
const delayBuckets = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** All metrics of the driver. Labels have few values: none per volume, pod or connector. */
export class Metrics extends ProgramMetrics implements LimitObserver {
  #calls = 0;
  readonly #rpcDuration = this.registry.histogram(
    'rpc_duration_seconds',
    'Duration of RPCs',
    ['method', 'code'],
    rpcBuckets,
  );
  readonly #rpcInFlight = this.registry.gauge('rpc_in_flight', 'RPCs being served', ['method']);
  readonly #publishes = this.registry.counter('publishes_total', 'Publishes by outcome and path', ['outcome', 'path']);
  readonly #approvalsWaiting = this.registry.gauge('approvals_waiting', 'Publishes that wait for an approval');
  readonly #eventLoopDelay = this.registry.histogram(
    'event_loop_delay_seconds',
    'Delay of one-second timers',
    [],
    delayBuckets,
  );
  readonly #limitRejections = this.registry.counter(
    'limit_rejections_total',
    'Rejections by limit and by the share that was used up',
    ['limit', 'scope'],
  );

  constructor(version: string, sources: DriverGaugeSources) {
    super('connectors_csi_', version, rpcBuckets, sources.load);
    const { registry } = this;
    registry.callbackGauge('publish_queue_length', 'Publishes that wait for a slot', sources.publishQueueLength);
    registry.callbackGauge('registered', 'Whether the kubelet has accepted the registration', () =>
      Number(sources.isRegistered()),
    );
    registry.callbackGauge(
      'watch_staleness_seconds',
      'Longest time since the API server confirmed a cached object',
      () => inSeconds(sources.confirmationAgeMs()),
    );
    registry.callbackCounter('log_lines_dropped_total', 'Lines of the log that were dropped', sources.droppedLogLines);
    this.#defineVolumeGauges(sources.volumes);
  }

  /**
   * Defines gauges by error code, because the code shows who must act: some failures are caused by the tenant, for
   * example by removing its own permissions.
   */
  #defineVolumeGauges(volumes: DriverGaugeSources['volumes']): void {
    this.registry.callbackGauge('published_volumes', 'Volumes published on this node', () => volumes().volumes);
    const eachCode = (read: (of: VolumesOfACode, code: string) => number | undefined): Record<string, number> =>
      Object.fromEntries(
        Object.entries(volumes().byRefresh).flatMap(([code, of]) => {
          const value = read(of, code);
          return value === undefined ? [] : [[code, value]];
        }),
      );
    this.registry.labeledCallbackGauge('volumes_failing_refresh', 'Volumes whose last refresh failed', 'code', () =>
      eachCode((of, code) => (code === 'OK' ? undefined : of.volumes)),
    );
    this.registry.labeledCallbackGauge(
      'earliest_token_expiry_timestamp_seconds',
      'First expiry of a token in a volume, by code of the last refresh',
      'code',
      () => eachCode((of) => inSeconds(of.earliestTokenExpiryMs)),
    );
    this.registry.labeledCallbackGauge(
      'oldest_refresh_failure_timestamp_seconds',
      'Start of the longest lasting refresh failure',
      'code',
      () => eachCode((of) => inSeconds(of.oldestFailureMs)),
    );
  }

  /** Number of RPCs so far. */
  get calls(): number {
    return this.#calls;
  }

  /** Counts RPCs, see csi/unary.ts. */
  started(method: string): void {
    this.#calls += 1;
    this.#rpcInFlight.inc({ method });
  }

  finished(method: string, code: string, durationMs: number): void {
    this.#rpcInFlight.dec({ method });
    this.#rpcDuration.observe({ method, code }, durationMs / 1000);
  }

  /**
   * Counts a publish. @param outcome `ok` or the error's code. @param path `fresh`, `refreshed`, `unchanged`; empty for
   * an error.
   */
  published(outcome: string, path: string): void {
    this.#publishes.inc({ outcome, path });
  }

  /** Counts a rejection. The pod is not a label, since the number of pods is unlimited. */
  rejected(limit: LimitName, scope: RejectionScope): void {
    this.#limitRejections.inc({ limit, scope });
  }

  approvalStarted(): void {
    this.#approvalsWaiting.inc();
  }

  approvalFinished(): void {
    this.#approvalsWaiting.dec();
  }

  /**
   * Measures the delay of the event loop: once a second, how late a timer fires. Every second sample notices a stall of
   * half a second, so frequent stalls are found soon. A sleeping process is woken only once a second.
   * @returns a function that stops it.
   */
  measureEventLoopDelay(): () => void {
    let dueMs = performance.now() + delayIntervalMs;
    const timer = setInterval(() => {
      const nowMs = performance.now();
      this.#eventLoopDelay.observe(Math.max(0, nowMs - dueMs) / 1000);
      dueMs = nowMs + delayIntervalMs;
    }, delayIntervalMs).unref();
    return () => clearInterval(timer);
  }
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
