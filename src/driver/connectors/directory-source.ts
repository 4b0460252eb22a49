import { sleep } from '../../shared/abortable.ts';
import { DirectoryConnectors } from '../../shared/connectors/directory-connectors.ts';
import type { DirectoryConnectorsOptions } from '../../shared/connectors/directory-connectors.ts';
import type { ConnectorRef, FeatureFlags, ResolvedConnector } from '../../shared/connectors/model.ts';
import { CodedError, orCodedError, orThrow } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { ConnectorSource, PublishSlot } from '../publish/ports.ts';

interface DirectorySourceOptions extends DirectoryConnectorsOptions {
  /** Milliseconds to wait for an object that does not exist yet. */
  readonly notFoundWaitMs: number;
}

const pollMs = 50;
/** Interval of the checks for changes in milliseconds. */
const checkIntervalMs = 1000;

/** A directory of manifests as the source of the driver. It is in memory, so nothing is acquired or retained. */
export class DirectorySource implements ConnectorSource {
  readonly #notFoundWaitMs: number;
  readonly #connectors: DirectoryConnectors;
  /** The objects that the listener knows. */
  #seen: readonly JsonObject[] | undefined;
  #onChange: () => void = () => undefined;
  #checkTimer: NodeJS.Timeout | undefined;

  constructor(options: DirectorySourceOptions) {
    this.#notFoundWaitMs = options.notFoundWaitMs;
    this.#connectors = new DirectoryConnectors(options);
  }

  /** Starts the checks for changes. */
  start(): void {
    this.#checkTimer = setInterval(() => this.#check(), checkIntervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#checkTimer);
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  acquire(): () => void {
    return () => undefined;
  }

  async resolve(refs: readonly ConnectorRef[], slot: PublishSlot): Promise<readonly ResolvedConnector[]> {
    const found = this.#connectors.find(refs);
    if (!isMissing(found) || slot.isBackground === true) return orThrow(found);
    return slot.releaseWhile(() => this.#waitFor(refs, slot.signal));
  }

  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined {
    const found = orCodedError(() => this.#connectors.find(refs));
    return found instanceof CodedError ? undefined : found;
  }

  retain(): void {
    // See the class.
  }

  release(): void {
    // See the class.
  }

  async flags(): Promise<FeatureFlags> {
    return Promise.resolve(this.#connectors.flags());
  }

  peekFlags(): FeatureFlags | undefined {
    const flags = orCodedError(() => this.#connectors.flags());
    return flags instanceof CodedError ? undefined : flags;
  }

  /** Returns why nothing can be read; undefined if the directory is readable. */
  problem(): string | undefined {
    return this.#connectors.problem();
  }

  async #waitFor(refs: readonly ConnectorRef[], signal: AbortSignal): Promise<readonly ResolvedConnector[]> {
    const deadlineMs = performance.now() + this.#notFoundWaitMs;
    for (;;) {
      const found = this.#connectors.find(refs);
      if (!isMissing(found) || performance.now() >= deadlineMs) return orThrow(found);
      await sleep(pollMs, signal).catch((reason: unknown) => {
        // The caller's deadline passed before the wait did: the missing object is the better error.
        const isLate = reason instanceof CodedError && reason.code === 'DEADLINE_EXCEEDED';
        throw isLate ? orThrow(found) : reason;
      });
    }
  }

  #check(): void {
    const objects = orCodedError(() => this.#connectors.objects());
    // Calls that need the directory report that it is unreadable.
    if (objects instanceof CodedError || objects === this.#seen) return;
    this.#seen = objects;
    this.#onChange();
  }
}

function isMissing(found: readonly ResolvedConnector[] | CodedError): boolean {
  return found instanceof CodedError && found.code === 'NOT_FOUND';
}
