import { abortError } from '../errors.js';
import type { CodedError } from '../errors.js';
import { isApprovalOn } from './permission.js';
import type { FeatureFlags } from '../connectors/model.js';

export interface ApprovalWaitOptions {
  /** The caller's. */
  readonly signal: AbortSignal;
  readonly waitMs: number;
  readonly currentFlags: () => FeatureFlags | undefined;
}

/** How often a wait looks whether approval is still on. */
const flagsIntervalMs = 500;

/**
 * How long a publish waits for approval: until its caller leaves, its time is over or approval is switched off,
 * whatever comes first. `stop` must be called.
 */
export class ApprovalWait {
  readonly #controller = new AbortController();
  readonly #options: ApprovalWaitOptions;
  readonly #timers: readonly NodeJS.Timeout[];
  #ended: 'cancelled' | 'undecided' | 'flags-changed' | undefined;

  constructor(options: ApprovalWaitOptions) {
    this.#options = options;
    const { signal, waitMs } = options;
    if (signal.aborted) this.#leave();
    else signal.addEventListener('abort', this.#leave, { once: true });
    this.#timers = [
      setTimeout(() => this.#end('undecided'), waitMs),
      setInterval(() => this.#checkFlags(), flagsIntervalMs),
    ];
  }

  /** Aborts when the wait is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Undefined while the wait goes on. */
  get ended(): 'cancelled' | 'undecided' | 'flags-changed' | undefined {
    return this.#ended;
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.signal.removeEventListener('abort', this.#leave);
  }

  readonly #leave = (): void => this.#end('cancelled', abortError(this.#options.signal));

  #checkFlags(): void {
    const flags = this.#options.currentFlags();
    if (flags === undefined || isApprovalOn(flags)) return;
    this.#end('flags-changed');
  }

  #end(how: NonNullable<typeof this.ended>, reason?: CodedError): void {
    this.#ended ??= how;
    this.#controller.abort(reason);
  }
}
