import { sleep } from '../../shared/abortable.js';
import type { CodedError } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import type { CaSource } from '../certificates/certificate-authority.js';

/** An object of the cluster that contains the certificate of the CA. */
export interface CaObject {
  readonly kind: string;
  readonly name: string;
  /**
   * Creates or updates the object.
   * @returns whether something was written.
   * @throws {KubeError} {CodedError}
   */
  readonly write: (certificate: string, signal: AbortSignal) => Promise<boolean>;
  /** Converts an error of `write` to one that names the missing permission. */
  readonly toFailure: (error: unknown) => CodedError;
}

export interface CaPublisherOptions {
  readonly ca: CaSource;
  readonly object: CaObject;
  readonly log: Log;
  /** Delay after a failure, which tests shorten. */
  readonly retryMs?: number;
}

/** Interval between checks: another client can change or delete the object. */
const checkMs = 600_000;
const defaultRetryMs = 30_000;

/** Keeps one object with the certificate of the CA current, while this replica writes status. */
export class CaPublisher {
  readonly #options: CaPublisherOptions;
  #publishing: AbortController | undefined;
  #wake: () => void = () => undefined;
  /** The failure that was logged last; undefined after a success. */
  #loggedFailure: string | undefined;

  constructor(options: CaPublisherOptions) {
    this.#options = options;
  }

  /** Starts publishing. */
  begin(): void {
    this.#publishing?.abort();
    this.#publishing = new AbortController();
    void this.#publishUntil(this.#publishing.signal);
  }

  /** Stops publishing. The object stays. */
  end(): void {
    this.#publishing?.abort();
  }

  /** Publishes the CA at once because it has changed. */
  caChanged(): void {
    this.#wake();
  }

  async #publishUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      const waitMs = await this.#publish(signal);
      await sleep(waitMs, AbortSignal.any([signal, changed.signal])).catch(() => undefined);
    }
  }

  /** @returns milliseconds until the next check. */
  async #publish(signal: AbortSignal): Promise<number> {
    const { ca, object, log, retryMs = defaultRetryMs } = this.#options;
    const { kind, name } = object;
    try {
      if (await object.write(ca.current().certificate, signal)) log.info('Published CA', { kind, name });
      this.#loggedFailure = undefined;
      return checkMs;
    } catch (error) {
      if (signal.aborted) return 0;
      const failure = object.toFailure(error);
      // A missing API or permission stays missing until an operator acts, so it is logged once.
      if (failure.message !== this.#loggedFailure) log.warn('Failed to publish CA', { kind, name, error: failure });
      this.#loggedFailure = failure.message;
      return retryMs;
    }
  }
}
