import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { KubeObserver } from '../kube/observer.js';
import type { TunnelObserver } from './port/connect-handler.js';
import type { RequestBytes, RequestObserver, Way } from './port/request-record.js';

const prefix = 'connectors_proxy_';

/** Seconds: a small request takes a few milliseconds, a layer minutes. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300];

/** Refusals that tell of the tool or the way to it, not of the client. */
const toolFailures: ReadonlySet<string> = new Set(['name', 'connect', 'tls', 'timeout', 'reset', 'protocol']);

export interface MetricsProbes {
  readonly connections: () => number;
  /** Seconds since the epoch. */
  readonly caExpiresAtSeconds: () => number;
}

/** Every metric of the proxy. Labels are few and bounded: nothing per connector, account or host. */
export class ProxyMetrics implements RequestObserver, TunnelObserver, KubeObserver {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #bytes: Counter;
  readonly #duration: Histogram;
  readonly #firstByte: Histogram;
  readonly #toolFailures: Counter;
  readonly #tunnels: Gauge;
  readonly #reviews: Counter;
  readonly #apiRequests: Counter;
  readonly #apiDuration: Histogram;
  readonly #watchRestarts: Counter;

  constructor(version: string, probes: MetricsProbes) {
    const registers = [this.#registry];
    const counter = (name: string, help: string, labelNames: string[]): Counter =>
      new Counter({ name: prefix + name, help, labelNames, registers });
    const histogram = (name: string, help: string, labelNames: string[]): Histogram =>
      new Histogram({ name: prefix + name, help, labelNames, buckets: requestBuckets, registers });
    const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
      new Gauge({ name: prefix + name, help, labelNames, registers });
    const probe = (name: string, help: string, read: () => number): void => {
      const probed: Gauge = new Gauge({ name: prefix + name, help, registers, collect: () => probed.set(read()) });
    };
    collectDefaultMetrics({ register: this.#registry });
    gauge('build_info', 'Always 1; the version is the label', ['version']).set({ version }, 1);
    this.#requests = counter('requests_total', 'Requests by way, outcome and code', ['way', 'outcome', 'code']);
    this.#bytes = counter('bytes_total', 'Bytes from clients and to them', ['direction']);
    this.#duration = histogram('request_duration_seconds', 'Duration of requests, tunnels excepted', ['way']);
    this.#firstByte = histogram('first_byte_seconds', "Time to the head of the tool's answer", ['way']);
    this.#toolFailures = counter('tool_failures_total', 'Requests that failed at the tool', ['kind']);
    this.#tunnels = gauge('tunnels', 'Tunnels open', ['kind']);
    this.#reviews = counter('reviews_total', 'Questions about tokens and access', ['about', 'answer']);
    this.#apiRequests = counter('api_requests_total', 'Requests to the API server', ['verb', 'resource', 'code']);
    this.#apiDuration = histogram('api_request_duration_seconds', 'Duration of requests to the API server', [
      'verb',
      'resource',
    ]);
    this.#watchRestarts = counter('watch_restarts_total', 'Watches begun anew', ['resource', 'reason']);
    probe('connections', 'Connections of clients', probes.connections);
    probe('ca_expiry_timestamp_seconds', 'When the CA expires; 0: there is none', probes.caExpiresAtSeconds);
  }

  finished(way: Way, outcome: string, status: number, durationMs: number, { received, sent }: RequestBytes): void {
    this.#requests.inc({ way, outcome, code: String(status) });
    if (way !== 'tunnel') this.#duration.observe({ way }, durationMs / 1000);
    this.#bytes.inc({ direction: 'received' }, received);
    this.#bytes.inc({ direction: 'sent' }, sent);
    if (toolFailures.has(outcome)) this.#toolFailures.inc({ kind: outcome });
  }

  firstByte(way: Way, ms: number): void {
    this.#firstByte.observe({ way }, ms / 1000);
  }

  tunnelOpened(kind: 'intercepted' | 'blind'): void {
    this.#tunnels.inc({ kind });
  }

  tunnelClosed(kind: 'intercepted' | 'blind'): void {
    this.#tunnels.dec({ kind });
  }

  /** @param answer where it came from. */
  reviewed(about: 'token' | 'access', answer: 'cached' | 'asked'): void {
    this.#reviews.inc({ about, answer });
  }

  /** @param code HTTP status; 0 for a request without an answer. */
  request(verb: string, resource: string, code: number, durationMs: number): void {
    this.#apiRequests.inc({ verb, resource, code: String(code) });
    if (verb !== 'watch') this.#apiDuration.observe({ verb, resource }, durationMs / 1000);
  }

  watchRestart(resource: string, reason: string): void {
    this.#watchRestarts.inc({ resource, reason });
  }

  /** In the Prometheus text format. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}
