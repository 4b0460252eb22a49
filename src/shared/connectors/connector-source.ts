import type { Call } from '../limits/call.js';
import type { FlowKey } from '../limits/flow-key.js';
import type { ConnectorRef, FeatureFlags, ResolvedConnector } from './model.js';

/** Source of Connectors, ConnectorClasses and feature flags. */
export interface ConnectorSource {
  /**
   * Reserves a share of the pod's quota for all connectors that are not in memory, before they are read.
   * @returns releases it, once they have been resolved.
   * @throws {CodedError} RESOURCE_EXHAUSTED if the share is used up.
   */
  acquire(refs: readonly ConnectorRef[], owner: FlowKey): () => void;

  /**
   * Returns the connectors with their classes, in the order of `refs`, once all of them exist. Waits up to the source's
   * not-found wait for a missing object.
   * @throws {CodedError} NOT_FOUND for a missing object, FAILED_PRECONDITION for a malformed one, RESOURCE_EXHAUSTED if
   * the share of the pod or its namespace is used up, UNAVAILABLE if the source cannot be read, or the signal's reason.
   */
  resolve(refs: readonly ConnectorRef[], call: Call): Promise<readonly ResolvedConnector[]>;

  /**
   * Returns the result of `resolve` without waiting and without any request, for the fast path of republishes.
   * Undefined if an object is not in memory, missing, malformed or rejected.
   */
  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined;

  /** Calls the listener after a possible change of the results of `peek` or `peekFlags`. */
  onChange(listener: () => void): void;

  /** Keeps the connectors and their classes current while a pod's published volume uses them. Idempotent per volume. */
  retain(volumeId: string, refs: readonly ConnectorRef[], owner: FlowKey): void;

  /** Releases the connectors of a volume. Those that no other volume uses are dropped after a while. */
  release(volumeId: string): void;

  /** @throws {CodedError} UNAVAILABLE if the flags have never been read. */
  flags(signal: AbortSignal): Promise<FeatureFlags>;

  /** Returns the flags in memory; undefined if they have never been read. */
  peekFlags(): FeatureFlags | undefined;
}
