import { TokenBucket } from '../../shared/limits/token-bucket.js';
import type { TokenBucketOptions } from '../../shared/limits/token-bucket.js';
import type { Log, LogFields } from '../../shared/log.js';

export interface RequestLogOptions {
  readonly log: Log;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
  /** See limits.requestLog. */
  readonly limits: TokenBucketOptions & {
    readonly clients: number;
    readonly reportMs: number;
  };
}

/** The pod, service account or address that identifies a client. */
type Client = Pick<LogFields, 'pod' | 'serviceAccount' | 'address'>;

interface Failures {
  readonly client: Client;
  readonly bucket: TokenBucket;
  suppressed: number;
}

/**
 * Logs one line per request. Lines of failed requests are rate-limited per client, because a client without any
 * permission could fill the disk of the node with them. The number of suppressed lines is logged.
 */
export class RequestLog {
  readonly #options: RequestLogOptions;
  /** Failures by client. The client that failed last is at the end. */
  readonly #failures = new Map<string, Failures>();
  /** Suppressed lines of evicted clients. */
  #suppressedOfOthers = 0;
  #reporting: NodeJS.Timeout | undefined;

  constructor(options: RequestLogOptions) {
    this.#options = options;
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
    const failures = this.#failuresOf(clientOf(line, address));
    if (failures.bucket.tryTake()) {
      this.#options.log.info(message, line);
      return;
    }
    failures.suppressed += 1;
    this.#reporting ??= setTimeout(() => this.report(), this.#options.limits.reportMs).unref();
  }

  /** Logs how many lines were suppressed since the last report. */
  report(): void {
    clearTimeout(this.#reporting);
    this.#reporting = undefined;
    for (const failures of this.#failures.values()) {
      this.#reportSuppressed(failures.suppressed, failures.client);
      failures.suppressed = 0;
    }
    this.#reportSuppressed(this.#suppressedOfOthers, {});
    this.#suppressedOfOthers = 0;
  }

  #reportSuppressed(count: number, client: Client): void {
    if (count > 0) this.#options.log.warn('Suppressed log lines of failed requests', { ...client, count });
  }

  #failuresOf(client: Client): Failures {
    const key = Object.values(client).join(' ');
    const { limits, monotonicNow } = this.#options;
    const failures = this.#failures.get(key) ?? {
      client,
      bucket: new TokenBucket(limits, monotonicNow),
      suppressed: 0,
    };
    this.#failures.delete(key);
    this.#failures.set(key, failures);
    if (this.#failures.size > limits.clients) this.#evictOldest();
    return failures;
  }

  #evictOldest(): void {
    const [oldest] = this.#failures;
    if (oldest === undefined) return;
    const [key, { suppressed }] = oldest;
    this.#failures.delete(key);
    this.#suppressedOfOthers += suppressed;
  }
}

function clientOf({ pod, serviceAccount }: LogFields, address: string): Client {
  if (pod !== undefined) return { pod };
  return serviceAccount === undefined ? { address } : { serviceAccount };
}
