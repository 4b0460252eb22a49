import type { DriverProcess } from '../driver/driver-process.js';
import { memoryOf } from '../process-state.js';

/** What drivers have counted, by what it is. */
export type Counts = Readonly<Record<string, number>>;

const wanted = [
  'rpc_duration_seconds_count',
  'publishes_total',
  'change_propagation_seconds_count',
  'api_requests_total',
  'watch_restarts_total',
  'event_loop_delay_seconds_bucket',
  'event_loop_delay_seconds_count',
  'log_lines_dropped_total',
  'limit_rejections_total',
  'volume_memory_rejections_total',
];
const sample = /^connectors_csi_(\w+)(\{.*\})? (\S+)$/gm;

/** Sums over the drivers of a node, one after the other; counters begin anew with each. */
export class DriverFigures {
  readonly #ended = new Map<string, number>();
  #last: Counts = {};
  #peakBytes = 0;

  /** To be called now and then, and before a driver is ended: what it has counted since is lost. */
  async take(driver: DriverProcess): Promise<void> {
    this.#peakBytes = Math.max(this.#peakBytes, memoryOf(driver.pid).peakBytes);
    const { body } = await driver.http('/metrics');
    const found = [...body.matchAll(sample)].filter(([, name = '']) => wanted.includes(name));
    this.#last = Object.fromEntries(found.map(([, name = '', labels = '', value]) => [name + labels, Number(value)]));
  }

  driverEnded(): void {
    for (const [name, value] of Object.entries(this.#last)) {
      this.#ended.set(name, (this.#ended.get(name) ?? 0) + value);
    }
    this.#last = {};
  }

  /** Resident, of any of them. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  get counts(): Counts {
    const names = [...new Set([...this.#ended.keys(), ...Object.keys(this.#last)])].sort();
    return Object.fromEntries(names.map((name) => [name, (this.#ended.get(name) ?? 0) + (this.#last[name] ?? 0)]));
  }
}
