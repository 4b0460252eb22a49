import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What the gauges ask for when they are scraped. */
export interface MetricsProbes {
  readonly publishQueueLength: () => number;
  /** Threads for renders that take long, and volumes that wait for one. */
  readonly renderThreads: () => { readonly threads: number; readonly waiting: number };
  readonly volumes: () => {
    readonly volumes: number;
    readonly failing: number;
    /** Milliseconds since the epoch. */
    readonly earliestTokenExpiryMs: number | undefined;
    /** Milliseconds since the epoch. */
    readonly oldestFailureMs: number | undefined;
  };
  /** Objects in memory by resource. */
  readonly cachedObjects: () => Readonly<Record<string, number>>;
  /** Absent: the driver does not register itself, and there is no such metric. */
  readonly isRegistered?: () => boolean;
}

const prefix = 'connectors_csi_';

/** Seconds: a no-op republish takes under a millisecond, an approval up to two minutes. */
const rpcBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120];
const onChangeBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const approvalBuckets = [0.5, 1, 5, 15, 30, 60, 90, 120];

/** Every metric of the driver. Labels are few and bounded: nothing per volume, per pod or per connector. */
export class Metrics {
  readonly #registry = new Registry();
  #inFlight = 0;
  #total = 0;
  readonly #rpcDuration = this.#histogram('rpc_duration_seconds', 'Duration of RPCs', ['method', 'code'], rpcBuckets);
  readonly #rpcInFlight = this.#gauge('rpc_in_flight', 'RPCs being served', ['method']);
  readonly #publishes = this.#counter('publishes_total', 'Publishes by outcome and path', ['outcome', 'path']);
  readonly #apiRequests = this.#counter('api_requests_total', 'Requests to the API server', [
    'verb',
    'resource',
    'code',
  ]);
  readonly #apiDuration = this.#histogram(
    'api_request_duration_seconds',
    'Duration of requests to the API server, watches excepted',
    ['verb', 'resource'],
    rpcBuckets,
  );
  readonly #watchRestarts = this.#counter('watch_restarts_total', 'Watches begun anew', ['resource', 'reason']);
  readonly #renders = this.#counter('template_renders_total', 'Templates rendered', ['outcome']);
  readonly #renderDuration = this.#histogram(
    'template_render_duration_seconds',
    'Duration of rendering the configurations of one volume',
    [],
    rpcBuckets,
  );
  readonly #approvalsWaiting = this.#gauge('approvals_waiting', 'Publishes that wait for an approval', []);
  readonly #approvalWait = this.#histogram(
    'approval_wait_seconds',
    'Time that publishes waited for an approval',
    ['outcome'],
    approvalBuckets,
  );

  readonly #onChange = this.#histogram(
    'refresh_on_change_seconds',
    'From a change to the last file of a volume that it reached without a call of the kubelet',
    ['outcome'],
    onChangeBuckets,
  );

  constructor(version: string, probes: MetricsProbes) {
    collectDefaultMetrics({ register: this.#registry });
    // Gauges under names that Prometheus keeps for counters; they sum up what others show by kind.
    for (const kind of ['handles', 'requests', 'resources']) {
      this.#registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    }
    this.#gauge('build_info', 'Always 1; the version is the label', ['version']).set({ version }, 1);
    this.#probe('publish_queue_length', 'Publishes that queue for their turn', probes.publishQueueLength);
    this.#probe('render_threads', 'Threads for templates that take long', () => probes.renderThreads().threads);
    this.#probe('render_queue_length', 'Volumes that wait for such a thread', () => probes.renderThreads().waiting);
    const { isRegistered } = probes;
    if (isRegistered !== undefined) {
      this.#probe('registered', 'Whether the kubelet has accepted the registration', () => Number(isRegistered()));
    }
    this.#probe('published_volumes', 'Volumes published on this node', () => probes.volumes().volumes);
    this.#probe('volumes_failing_refresh', 'Volumes whose last refresh failed', () => probes.volumes().failing);
    this.#probe('earliest_token_expiry_timestamp_seconds', 'When the first token in a volume expires; 0: none', () =>
      inSeconds(probes.volumes().earliestTokenExpiryMs),
    );
    this.#probe(
      'oldest_refresh_failure_timestamp_seconds',
      'Since when the oldest failing refresh fails; 0: none',
      () => inSeconds(probes.volumes().oldestFailureMs),
    );
    const cached = this.#gauge('cached_objects', 'Objects of the API in memory', ['resource'], () => {
      for (const [resource, count] of Object.entries(probes.cachedObjects())) cached.set({ resource }, count);
    });
  }

  /** RPCs being served now, and all that have been. */
  get calls(): { readonly inFlight: number; readonly total: number } {
    return { inFlight: this.#inFlight, total: this.#total };
  }

  /** RPCs, see csi/unary.ts. */
  started(method: string): void {
    this.#inFlight += 1;
    this.#total += 1;
    this.#rpcInFlight.inc({ method });
  }

  finished(method: string, code: string, durationMs: number): void {
    this.#inFlight -= 1;
    this.#rpcInFlight.dec({ method });
    this.#rpcDuration.observe({ method, code }, durationMs / 1000);
  }

  /** @param outcome `ok` or the error's code. @param path `fresh`, `refreshed`, `unchanged`; empty for an error. */
  published(outcome: string, path: string): void {
    this.#publishes.inc({ outcome, path });
  }

  /** @param code HTTP status; 0 for a request without an answer. */
  request(verb: string, resource: string, code: number, durationMs: number): void {
    this.#apiRequests.inc({ verb, resource, code: String(code) });
    if (verb !== 'watch') this.#apiDuration.observe({ verb, resource }, durationMs / 1000);
  }

  watchRestart(resource: string, reason: string): void {
    this.#watchRestarts.inc({ resource, reason });
  }

  rendered(outcome: string, files: number, durationMs: number): void {
    this.#renders.inc({ outcome }, files);
    this.#renderDuration.observe(durationMs / 1000);
  }

  refreshedOnChange(outcome: 'refreshed' | 'unchanged' | 'failed', delayMs: number): void {
    this.#onChange.observe({ outcome }, delayMs / 1000);
  }

  approvalStarted(): void {
    this.#approvalsWaiting.inc();
  }

  approvalFinished(outcome: string, durationMs: number): void {
    this.#approvalsWaiting.dec();
    this.#approvalWait.observe({ outcome }, durationMs / 1000);
  }

  /** In the Prometheus text format. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #counter(name: string, help: string, labelNames: readonly string[]): Counter {
    return new Counter({ name: prefix + name, help, labelNames: [...labelNames], registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: readonly string[], buckets: readonly number[]): Histogram {
    return new Histogram({
      name: prefix + name,
      help,
      labelNames: [...labelNames],
      buckets: [...buckets],
      registers: [this.#registry],
    });
  }

  #gauge(name: string, help: string, labelNames: readonly string[], collect?: () => void): Gauge {
    return new Gauge({
      name: prefix + name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      ...(collect ? { collect } : {}),
    });
  }

  /** A gauge that is read when scraped; undefined is shown as 0. */
  #probe(name: string, help: string, read: () => number | undefined): void {
    const gauge = this.#gauge(name, help, [], () => {
      const value = read();
      if (value === undefined) gauge.reset();
      else gauge.set(value);
    });
  }
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
