import { abortError } from '../../shared/errors.js';
import type { CodedError } from '../../shared/errors.js';
import { isApprovalOn } from '../../shared/access/permission.js';
import type { FeatureFlags } from '../../shared/connectors/model.js';

export interface ApprovalWaitOptions {
  /** The caller's signal. */
  readonly signal: AbortSignal;
  readonly waitMs: number;
  readonly currentFlags: () => FeatureFlags | undefined;
}

/** Interval in milliseconds of the check whether approval is still switched on. */
const flagsIntervalMs = 500;

/**
 * One wait of a publish for approvals. It ends when the caller cancels, the timeout passes or approval is switched off.
 * Call `stop` afterwards.
 */
export class ApprovalWait {
  readonly #controller = new AbortController();
  readonly #options: ApprovalWaitOptions;
  readonly #timers: readonly NodeJS.Timeout[];
  #ended: 'cancelled' | 'undecided' | 'flags_changed' | undefined;

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

  /** Aborts when the wait ends. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Reason why the wait ended; undefined while it lasts. */
  get ended(): 'cancelled' | 'undecided' | 'flags_changed' | undefined {
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
    this.#end('flags_changed');
  }

  #end(how: NonNullable<typeof this.ended>, reason?: CodedError): void {
    this.#ended ??= how;
    this.#controller.abort(reason);
  }
}
