import { TokenBuckets } from '../../shared/limits/token-buckets.js';
import type { TokenBucketsLimits } from '../../shared/limits/token-buckets.js';
import type { Log, LogFields } from '../../shared/log.js';

export interface RequestLogOptions {
  readonly log: Log;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
  /** See limits.requestLog. */
  readonly limits: TokenBucketsLimits & { readonly reportMs: number };
}

/** The pod, service account or address that identifies a client. */
type Client = Pick<LogFields, 'pod' | 'serviceAccount' | 'address'>;

interface Suppressed {
  readonly client: Client;
  count: number;
}

/**
 * Logs one line per request. Lines of failed requests are rate-limited per client, because a client without any
 * permission could fill the disk of the node with them. The number of suppressed lines is logged.
 */
export class RequestLog {
  readonly #options: RequestLogOptions;
  readonly #rates: TokenBuckets;
  /** Suppressed lines since the last report, by client. */
  readonly #suppressed = new Map<string, Suppressed>();
  /** Suppressed lines of clients over the limit. */
  #suppressedOfOthers = 0;
  #reporting: NodeJS.Timeout | undefined;

  constructor(options: RequestLogOptions) {
    this.#options = options;
    this.#rates = new TokenBuckets(options.limits, options.monotonicNow);
  }

  served(line: LogFields): void {
    this.#options.log.info('Request finished', line);
  }

  /** @param address of the client, for a client without a valid token. */
  failed(line: LogFields, address: string): void {
    this.#limited('Request finished', line, address);
  }

  /** Logs that the client has ended the TLS handshake in its tunnel. */
  handshakeFailed(line: LogFields, address: string): void {
    this.#limited('TLS handshake in tunnel failed', line, address);
  }

  #limited(message: string, line: LogFields, address: string): void {
    const { log, limits } = this.#options;
    const client = clientOf(line, address);
    const key = Object.values(client).join(' ');
    if (this.#rates.of(key).acquire()) {
      log.info(message, line);
      return;
    }
    const suppressed = this.#suppressed.get(key) ?? { client, count: 0 };
    suppressed.count += 1;
    if (this.#suppressed.size < limits.keys) this.#suppressed.set(key, suppressed);
    else if (!this.#suppressed.has(key)) this.#suppressedOfOthers += 1;
    this.#reporting ??= setTimeout(() => this.report(), limits.reportMs).unref();
  }

  /** Logs how many lines were suppressed since the last report. */
  report(): void {
    clearTimeout(this.#reporting);
    this.#reporting = undefined;
    for (const { count, client } of this.#suppressed.values()) this.#reportSuppressed(count, client);
    this.#suppressed.clear();
    this.#reportSuppressed(this.#suppressedOfOthers, {});
    this.#suppressedOfOthers = 0;
  }

  #reportSuppressed(count: number, client: Client): void {
    if (count > 0) this.#options.log.warn('Suppressed log lines of failed requests', { ...client, count });
  }
}

function clientOf({ pod, serviceAccount }: LogFields, address: string): Client {
  if (pod !== undefined) return { pod };
  return serviceAccount === undefined ? { address } : { serviceAccount };
}
