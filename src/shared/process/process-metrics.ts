import { readFileSync, readdirSync } from 'node:fs';
import { MetricsRegistry } from './metrics-registry.ts';

/** Unit of /proc/self/stat on every architecture that Node supports (proc(5), `sysconf(_SC_CLK_TCK)`). */
const ticksPerSecond = 100;

/**
 * Metrics of the process by the names that all Prometheus clients use, read when scraped. The default set of
 * prom-client has a timer that wakes a sleeping process a hundred times a second, and metrics without a use.
 */
export function processMetrics(): MetricsRegistry {
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
