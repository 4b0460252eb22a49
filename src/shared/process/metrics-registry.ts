import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The metrics of one program, with a common prefix. Registries share nothing. */
export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #prefix: string;

  /** @param prefix of every name, such as `connectors_csi_`. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Returns all metrics in the Prometheus text format. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  counter(name: string, help: string, labelNames: readonly string[]): Counter {
    return new Counter({ ...this.#naming(name, help), labelNames: [...labelNames] });
  }

  histogram(name: string, help: string, labelNames: readonly string[], buckets: readonly number[]): Histogram {
    return new Histogram({ ...this.#naming(name, help), labelNames: [...labelNames], buckets: [...buckets] });
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return new Gauge({ ...this.#naming(name, help), labelNames: [...labelNames] });
  }

  /** Creates a gauge that is read when scraped; undefined is reported as 0. */
  callbackGauge(name: string, help: string, read: () => number | undefined): void {
    this.#collected(Gauge, name, help, undefined, () => ({ '': read() ?? 0 }));
  }

  /** Creates a gauge with one label that is read when scraped: the number of each label value. */
  labeledCallbackGauge(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    this.#collected(Gauge, name, help, label, read);
  }

  /** Creates a counter that is kept elsewhere and read when scraped. */
  callbackCounter(name: string, help: string, read: () => number): void {
    this.#collected(Counter, name, help, undefined, () => ({ '': read() }));
  }

  /** Creates a counter with one label that is kept elsewhere and read when scraped. */
  labeledCallbackCounter(
    name: string,
    help: string,
    label: string,
    read: () => Readonly<Record<string, number>>,
  ): void {
    this.#collected(Counter, name, help, label, read);
  }

  #collected(
    Metric: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    label: string | undefined,
    read: () => Readonly<Record<string, number>>,
  ): void {
    const metric: Gauge | Counter = new Metric({
      ...this.#naming(name, help),
      labelNames: label === undefined ? [] : [label],
      collect: () => {
        metric.reset();
        for (const [value, count] of Object.entries(read()))
          metric.inc(label === undefined ? {} : { [label]: value }, count);
      },
    });
  }

  #naming(
    name: string,
    help: string,
  ): { readonly name: string; readonly help: string; readonly registers: Registry[] } {
    return { name: this.#prefix + name, help, registers: [this.#registry] };
  }
}
