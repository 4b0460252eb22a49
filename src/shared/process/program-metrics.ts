import type { Counter, Histogram } from 'prom-client';
import type { LimitUsage } from '../limits/limit-observer.ts';
import { MetricsRegistry } from './metrics-registry.ts';
import { readFileSync, readdirSync } from 'node:fs';

/** Unit of /proc/self/stat on every architecture that Node supports (proc(5), `sysconf(_SC_CLK_TCK)`). */
const ticksPerSecond = 100;

/**
 * Metrics of the process by the names that all Prometheus clients use, read when scraped. The default set of
 * prom-client has a timer that wakes a sleeping process a hundred times a second, and metrics without a use.
 */
function processMetrics(): MetricsRegistry {
  const registry = new MetricsRegistry('process_');
  registry.callbackCounter('cpu_seconds_total', 'CPU time of all threads', cpuSeconds);
  registry.callbackGauge('start_time_seconds', 'Start time of the process, since the epoch', () => startSeconds);
  registry.callbackGauge('resident_memory_bytes', 'Resident memory, shared pages included', () => memoryBytes('VmRSS'));
  registry.callbackGauge('anonymous_memory_bytes', 'Anonymous memory in use', () => memoryBytes('RssAnon'));
  registry.callbackGauge('open_fds', 'Open file descriptors', () => readdirSync('/proc/self/fd').length);
  return registry;
}

const startSeconds = performance.timeOrigin / 1000;

function cpuSeconds(): number {
  // The name of the program, in parentheses, can contain any character.
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
  return (userTicks + systemTicks) / ticksPerSecond;
}

/**
 * Returns the memory of this process in bytes: all of it (`VmRSS`), or without files (`RssAnon`). 0 if the kernel does
 * not report it.
 */
export function memoryBytes(field: 'VmRSS' | 'RssAnon'): number {
  const [, kib = '0'] =
    new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) * 1024;
}

/** The metrics of both programs: the process, its version, its requests to the API server, and its limits. */
export class ProgramMetrics {
  protected readonly registry: MetricsRegistry;
  readonly #process = processMetrics();
  readonly #apiRequests: Counter;
  readonly #apiDuration: Histogram;
  readonly #watchRestarts: Counter;

  /**
   * @param prefix of every name, such as `connectors_csi_`.
   * @param buckets of durations, in seconds.
   * @param limits by the value of their label, read when scraped.
   */
  constructor(
    prefix: string,
    version: string,
    buckets: readonly number[],
    limits: () => Readonly<Record<string, LimitUsage>>,
  ) {
    const registry = new MetricsRegistry(prefix);
    this.registry = registry;
    registry.gauge('build_info', 'Always 1; the version is the label', ['version']).set({ version }, 1);
    const requests = 'Requests to the API server';
    this.#apiRequests = registry.counter('api_requests_total', requests, ['verb', 'resource', 'code']);
    const durations = 'Duration of requests to the API server, watches excepted';
    this.#apiDuration = registry.histogram('api_request_duration_seconds', durations, ['verb', 'resource'], buckets);
    this.#watchRestarts = registry.counter('watch_restarts_total', 'Watch restarts by reason', ['resource', 'reason']);
    const eachLimit = (read: (usage: LimitUsage) => number) => (): Readonly<Record<string, number>> =>
      Object.fromEntries(Object.entries(limits()).map(([name, usage]) => [name, read(usage)]));
    const used = eachLimit((usage) => usage.used);
    registry.labeledCallbackGauge('limit_used', 'Usage of the limit named in the label', 'limit', used);
    const capacity = eachLimit((usage) => usage.capacity);
    registry.labeledCallbackGauge('limit_max', 'Maximum of the limit named in the label', 'limit', capacity);
  }

  /** Counts a request to the API server. @param code HTTP status; 0 without a response. */
  request(verb: string, resource: string, code: number, durationMs: number): void {
    this.#apiRequests.inc({ verb, resource, code: String(code) });
    if (verb !== 'watch') this.#apiDuration.observe({ verb, resource }, durationMs / 1000);
  }

  watchRestart(resource: string, reason: string): void {
    this.#watchRestarts.inc({ resource, reason });
  }

  /** Returns all metrics in the Prometheus text format. */
  async text(): Promise<string> {
    return (await Promise.all([this.registry.text(), this.#process.text()])).join('');
  }

  get contentType(): string {
    return this.registry.contentType;
  }
}
