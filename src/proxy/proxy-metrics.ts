import { STATUS_CODES } from 'node:http';
import type { Counter, Gauge, Histogram } from 'prom-client';
import type { KubeObserver } from '../shared/kube/observer.js';
import { MetricsRegistry } from '../shared/process/metrics-registry.js';
import { processMetrics } from '../shared/process/process-metrics.js';
import type { HandshakeFailure } from './server/handshake-failure.js';
import type { ObjectLoad } from './connectors/connector-informer.js';
import type { StatusObserver } from './status/status-writer.js';
import type { ProxyMode, RequestBytes, ServerObserver } from './server/server-observer.js';

/** Seconds. A small request takes milliseconds, a layer takes minutes. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300];

/** Kinds of errors that concern the tool or the connection to it, not the client. */
const toolFailures: ReadonlySet<string> = new Set(['dns', 'connect', 'tls', 'timeout', 'reset', 'protocol']);

/** A limit, its usage, and what was rejected because of it. */
export interface LimitSource {
  readonly capacity: number;
  readonly used: number;
  readonly rejected: number;
}

export interface ProxyGaugeSources {
  /** Limits by the value of their label. */
  readonly limits: Readonly<Record<string, LimitSource>>;
  readonly isReady: () => boolean;
  /** Number of Connectors by the status of their condition Ready; empty if this replica writes no status. */
  readonly connectorsByReady: () => Readonly<Record<string, number>>;
  /** Absent if this replica never writes status. */
  readonly isLeaseHeld?: () => boolean;
  readonly objectLimitBytes: number;
  readonly objects: () => ObjectLoad;
  /** Expiry of the CA in seconds since the epoch; 0 while there is none. */
  readonly caExpiresAtSeconds: () => number;
}

/** All metrics of the proxy. Labels have few fixed values: none per connector, service account or host. */
export class ProxyMetrics implements ServerObserver, KubeObserver, StatusObserver {
  readonly #registry = new MetricsRegistry('connectors_proxy_');
  readonly #process = processMetrics();
  readonly #requests: Counter;
  readonly #bytes: Counter;
  readonly #duration: Histogram;
  readonly #toolFailures: Counter;
  readonly #tunnels: Gauge;
  readonly #handshakeFailures: Counter;
  readonly #rules: Counter;
  readonly #apiRequests: Counter;
  readonly #apiDuration: Histogram;
  readonly #watchRestarts: Counter;
  readonly #statusWrites: Counter;
  readonly #handlerFailures: Counter;

  constructor(version: string, sources: ProxyGaugeSources) {
    const registry = this.#registry;
    registry.gauge('build_info', 'Always 1; the version is the label', ['version']).set({ version }, 1);
    this.#requests = registry.counter('requests_total', 'Requests by mode, outcome and code', [
      'mode',
      'outcome',
      'code',
    ]);
    this.#bytes = registry.counter('bytes_total', 'Bytes from clients and to them', ['direction']);
    this.#duration = registry.histogram(
      'request_duration_seconds',
      'Duration of requests, tunnels excepted',
      ['mode'],
      requestBuckets,
    );
    this.#toolFailures = registry.counter('upstream_failures_total', 'Requests that failed at the tool, by reason', [
      'reason',
    ]);
    this.#tunnels = registry.gauge('tunnels', 'Tunnels open', ['kind']);
    this.#handshakeFailures = registry.counter(
      'handshake_failures_total',
      'TLS handshakes that failed in intercepted tunnels, by reason',
      ['reason'],
    );
    this.#rules = registry.counter('rule_decisions_total', 'Requests to Connectors with rules, by decision', [
      'decision',
    ]);
    this.#apiRequests = registry.counter('api_requests_total', 'Requests to the API server', [
      'verb',
      'resource',
      'code',
    ]);
    this.#apiDuration = registry.histogram(
      'api_request_duration_seconds',
      'Duration of requests to the API server, watches excepted',
      ['verb', 'resource'],
      requestBuckets,
    );
    this.#watchRestarts = registry.counter('watch_restarts_total', 'Watch restarts by reason', ['resource', 'reason']);
    this.#statusWrites = registry.counter('status_writes_total', 'Status updates by outcome', ['resource', 'outcome']);
    this.#handlerFailures = registry.counter(
      'handler_failures_total',
      'Connections closed by a failure of the proxy',
      [],
    );
    const ready = 'Connectors by condition Ready, reported by the replica that writes status';
    registry.labeledCallbackGauge('connectors', ready, 'ready', sources.connectorsByReady);
    const { isLeaseHeld } = sources;
    if (isLeaseHeld !== undefined)
      registry.callbackGauge('status_lease_held', '1 for the replica that writes status', () => Number(isLeaseHeld()));
    const estimate = 'Memory used by cached Connectors and classes, by an estimate';
    registry.callbackGauge('object_memory_bytes', estimate, () => sources.objects().bytes);
    registry.callbackGauge(
      'object_memory_bytes_limit',
      'Limit of the memory used by cached objects',
      () => sources.objectLimitBytes,
    );
    registry.callbackGauge(
      'rejected_objects',
      'Connectors and classes rejected for memory',
      () => sources.objects().rejected,
    );
    registry.callbackGauge(
      'watch_staleness_seconds',
      'Longest time since the API server confirmed the cached Connectors or classes',
      () => sources.objects().unconfirmedMs / 1000,
    );
    const eachLimit = (read: (probe: LimitSource) => number): (() => Readonly<Record<string, number>>) => {
      const entries = Object.entries(sources.limits);
      return () => Object.fromEntries(entries.map(([name, probe]) => [name, read(probe)]));
    };
    registry.labeledCallbackGauge(
      'limit_used',
      'Usage of the limit named in the label: connections of clients, requests in flight, connections to tools',
      'limit',
      eachLimit(({ used }) => used),
    );
    registry.labeledCallbackGauge(
      'limit_max',
      'Maximum of the limit named in the label',
      'limit',
      eachLimit(({ capacity }) => capacity),
    );
    registry.labeledCallbackCounter(
      'limit_rejections_total',
      'Connections and requests that were rejected because of the limit named in the label',
      'limit',
      eachLimit(({ rejected }) => rejected),
    );
    registry.callbackGauge('ready', '1 while requests can be served, as /readyz says', () => Number(sources.isReady()));
    registry.callbackGauge(
      'ca_expiry_timestamp_seconds',
      'Time at which the CA expires; 0: no CA',
      sources.caExpiresAtSeconds,
    );
  }

  finished(
    mode: ProxyMode,
    outcome: string,
    status: number,
    durationMs: number,
    { received, sent }: RequestBytes,
  ): void {
    this.#requests.inc({ mode, outcome, code: codeLabel(status) });
    if (mode !== 'tunnel') this.#duration.observe({ mode }, durationMs / 1000);
    this.#bytes.inc({ direction: 'received' }, received);
    this.#bytes.inc({ direction: 'sent' }, sent);
    if (toolFailures.has(outcome)) this.#toolFailures.inc({ reason: outcome });
  }

  handlerFailed(): void {
    this.#handlerFailures.inc();
  }

  tunnelOpened(kind: 'intercepted' | 'passthrough'): void {
    this.#tunnels.inc({ kind });
  }

  tunnelClosed(kind: 'intercepted' | 'passthrough'): void {
    this.#tunnels.dec({ kind });
  }

  handshakeFailed(reason: HandshakeFailure): void {
    this.#handshakeFailures.inc({ reason });
  }

  ruled(decision: 'allowed' | 'audit' | 'denied'): void {
    this.#rules.inc({ decision });
  }

  /** @param code HTTP status; 0 for a request without a response. */
  request(verb: string, resource: string, code: number, durationMs: number): void {
    this.#apiRequests.inc({ verb, resource, code: String(code) });
    if (verb !== 'watch') this.#apiDuration.observe({ verb, resource }, durationMs / 1000);
  }

  watchRestart(resource: string, reason: string): void {
    this.#watchRestarts.inc({ resource, reason });
  }

  wroteStatus(resource: string, outcome: string): void {
    this.#statusWrites.inc({ resource, outcome });
  }

  /** Returns the metrics in the Prometheus text format. */
  async text(): Promise<string> {
    return (await Promise.all([this.#registry.text(), this.#process.text()])).join('');
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}

/** Returns the label of a status. A tool chooses it, so all that HTTP does not define are one. 0: no response. */
function codeLabel(status: number): string {
  return status === 0 || status in STATUS_CODES ? String(status) : 'other';
}
