import type { Call } from '../limits/call.js';
import type { FlowKey } from '../limits/flow-key.js';
import type { ConnectorRef, FeatureFlags, ResolvedConnector } from './model.js';

/** Where Connectors, ConnectorClasses and feature flags come from. */
export interface ConnectorSource {
  /**
   * Takes the pod's share of what can be read, for all connectors that are not in memory, before anything is asked about
   * them.
   * @returns gives it back, once they have been resolved.
   * @throws {CodedError} RESOURCE_EXHAUSTED when the share is used up.
   */
  reserve(refs: readonly ConnectorRef[], owner: FlowKey): () => void;

  /**
   * The connectors with their classes, in the order asked for, once all of them exist.
   * Waits up to the source's not-found wait for an object that does not exist yet.
   * @throws {CodedError} NOT_FOUND for a missing object, FAILED_PRECONDITION for a malformed one,
   * RESOURCE_EXHAUSTED when the pod's share of what can be read is used up, UNAVAILABLE when the source cannot be read, or the signal's reason.
   */
  resolve(refs: readonly ConnectorRef[], call: Call): Promise<readonly ResolvedConnector[]>;

  /**
   * What `resolve` would give, without waiting and without any request: undefined when one of the objects is not in
   * memory, not current or does not exist. The republish fast path lives on it.
   */
  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined;

  /** Calls the listener after something that `peek` or `peekFlags` answer with has changed, or may have. */
  onChange(listener: () => void): void;

  /** Keeps the connectors (and their classes) current while a pod's published volume uses them. Idempotent per volume. */
  retain(volumeId: string, refs: readonly ConnectorRef[], owner: FlowKey): void;

  /** The volume is gone; what no other volume uses may be forgotten after a while. */
  release(volumeId: string): void;

  /** @throws {CodedError} UNAVAILABLE when the flags have never been read. */
  flags(signal: AbortSignal): Promise<FeatureFlags>;

  /** The flags now in memory; undefined when they have never been read. */
  peekFlags(): FeatureFlags | undefined;
}
