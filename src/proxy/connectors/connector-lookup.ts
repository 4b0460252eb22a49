import type { Awaitable } from '../../shared/awaitable.ts';
import type { ConnectorRef, ResolvedConnector } from '../../shared/connectors/model.ts';

/** Access to the current Connectors. */
export interface ConnectorLookup {
  /**
   * @returns undefined if the Connector does not exist.
   * @throws {CodedError} if it is malformed, its class does not exist, or nothing has been read yet.
   */
  find(ref: ConnectorRef, signal: AbortSignal): Awaitable<ResolvedConnector | undefined>;
}

/** Keys are `namespace/name`, for classes `name`. */
export type ObjectKind = 'connector' | 'class';
