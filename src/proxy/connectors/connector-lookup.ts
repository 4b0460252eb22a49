import type { Awaitable } from '../../shared/awaitable.ts';
import type { Connector, ConnectorClass, ConnectorRef, ResolvedConnector } from '../../shared/connectors/model.ts';
import type { CodedError } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json.ts';

/** Access to the current Connectors. */
export interface ConnectorLookup {
  /**
   * @returns undefined if the Connector does not exist.
   * @throws {CodedError} if it is malformed, its class does not exist, or nothing has been read yet.
   */
  find(ref: ConnectorRef, signal: AbortSignal): Awaitable<ResolvedConnector | undefined>;
}

export type ObjectKind = 'connector' | 'class';

/** The current Connectors and classes, and notifications of changes. Keys are `namespace/name`, for classes `name`. */
export interface ConnectorLister {
  /** Whether all classes have been read, so that a missing one does not exist. */
  readonly hasReadClasses: boolean;
  keys(kind: ObjectKind): Iterable<string>;
  /** Returns the Connector; undefined if it does not exist, an error if it is malformed or was rejected. */
  connector(key: string): Connector | CodedError | undefined;
  connectorClass(name: string): ConnectorClass | CodedError | undefined;
  /** Returns a class even if it is malformed; undefined if it does not exist or was rejected. */
  classObject(name: string): JsonObject | undefined;
  /** Registers a listener. It is called once per change, after the change is visible here. */
  onChange(listener: (kind: ObjectKind, key: string) => void): void;
}
