import { STATUS_CODES } from 'node:http';
import type { KubeObserver } from '../shared/kube/observer.ts';
import type { LimitUsage } from '../shared/limits/limit-observer.ts';
import { ProgramMetrics } from '../shared/process/program-metrics.ts';
import type { HandshakeFailure } from './server/handshake-failure.ts';
import type { ObjectLoad } from './connectors/connector-informer.ts';
import type { StatusObserver } from './status/status-writer.ts';
import type { ProxyMode, RequestBytes, ServerObserver } from './server/server-observer.ts';

/** Seconds. A small request takes milliseconds, a layer takes minutes. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300];

/** Kinds of errors that concern the tool or the connection to it, not the client. */
const toolFailures: ReadonlySet<string> = new Set(['dns', 'connect', 'tls', 'timeout', 'reset', 'protocol']);

/** A limit, its usage, and what was rejected because of it. */
interface LimitSource extends LimitUsage {
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
export class ProxyMetrics extends ProgramMetrics implements ServerObserver, KubeObserver, StatusObserver {
  readonly #requests = this.registry.counter('requests_total', 'Requests by mode, outcome and code', [
    'mode',
    'outcome',
    'code',
  ]);
  readonly #bytes = { received: 0, sent: 0 };
  readonly #duration = this.registry.histogram(
    'request_duration_seconds',
    'Duration of requests, tunnels excepted',
    ['mode'],
    requestBuckets,
  );
  readonly #toolFailures = this.registry.counter(
    'upstream_failures_total',
    'Requests that failed at the tool, by reason',
    ['reason'],
  );
  readonly #tunnels = this.registry.gauge('tunnels', 'Tunnels open', ['kind']);
  readonly #handshakeFailures = this.registry.counter(
    'handshake_failures_total',
    'TLS handshakes that failed in intercepted tunnels, by reason',
    ['reason'],
  );
  readonly #rules = this.registry.counter('rule_decisions_total', 'Requests to Connectors with rules, by decision', [
    'decision',
  ]);
  readonly #statusWrites = this.registry.counter('status_writes_total', 'Status updates by outcome', [
    'resource',
    'outcome',
  ]);
  readonly #handlerFailures = this.registry.counter(
    'handler_failures_total',
    'Connections closed by a failure of the proxy',
    [],
  );

  constructor(version: string, sources: ProxyGaugeSources) {
    super('connectors_proxy_', version, requestBuckets, () => sources.limits);
    const { registry } = this;
    registry.labeledCallbackCounter('bytes_total', 'Bytes from clients and to them', 'direction', () => this.#bytes);
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
      'Connectors and classes rejected for memory, or because they change too often',
      () => sources.objects().rejected,
    );
    registry.callbackGauge(
      'watch_staleness_seconds',
      'Longest time since the API server confirmed the cached Connectors or classes',
      () => sources.objects().unconfirmedMs / 1000,
    );
    registry.labeledCallbackCounter(
      'limit_rejections_total',
      'Connections and requests that were rejected because of the limit named in the label',
      'limit',
      () => Object.fromEntries(Object.entries(sources.limits).map(([name, { rejected }]) => [name, rejected])),
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
    this.#bytes.received += received;
    this.#bytes.sent += sent;
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

  wroteStatus(resource: string, outcome: string): void {
    this.#statusWrites.inc({ resource, outcome });
  }
}

/** Returns the label of a status. A tool chooses it, so all that HTTP does not define are one. 0: no response. */
function codeLabel(status: number): string {
  return status === 0 || status in STATUS_CODES ? String(status) : 'other';
}
