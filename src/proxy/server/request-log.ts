import { TokenBuckets } from '../../shared/limits/token-buckets.ts';
import type { TokenBucketsLimits } from '../../shared/limits/token-buckets.ts';
import type { Log, LogFields } from '../../shared/log.ts';

interface RequestLogOptions {
  readonly log: Log;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
  /** See limits.requestLog. */
  readonly limits: TokenBucketsLimits & { readonly reportMs: number };
}

/**
 * Logs one line per request. Lines of failed requests are rate-limited per client, because a client without any
 * permission could fill the disk of the node with them. The number of suppressed lines is logged.
 */
export class RequestLog {
  readonly #options: RequestLogOptions;
  readonly #rates: TokenBuckets;
  /** Suppressed lines since the last report. */
  #suppressed = 0;
  #reporting: NodeJS.Timeout | undefined;

  constructor(options: RequestLogOptions) {
    this.#options = options;
    this.#rates = new TokenBuckets(options.limits, options.monotonicNow);
  }

  /** Logs a request that was served. */
  served(line: LogFields): void {
    this.#options.log.info('Request finished', line);
  }

  /** Logs what went wrong with a request. @param address of the client, for a client without a valid token. */
  failed(line: LogFields, address: string, message = 'Request finished'): void {
    const { log, limits } = this.#options;
    if (this.#rates.of(line.pod ?? line.serviceAccount ?? address).acquire()) {
      log.info(message, line);
      return;
    }
    this.#suppressed += 1;
    this.#reporting ??= setTimeout(() => this.report(), limits.reportMs).unref();
  }

  /** Logs how many lines were suppressed since the last report. */
  report(): void {
    clearTimeout(this.#reporting);
    this.#reporting = undefined;
    if (this.#suppressed > 0) {
      this.#options.log.warn('Suppressed log lines of failed requests', { count: this.#suppressed });
    }
    this.#suppressed = 0;
  }
}
