import type { Awaitable } from '../../shared/awaitable.js';
import type { ConnectorRef, ResolvedConnector } from '../../shared/connectors/model.js';

/** Access to the current Connectors. */
export interface ConnectorLookup {
  /**
   * @returns undefined if the Connector does not exist.
   * @throws {CodedError} if it is malformed, its class does not exist, or nothing has been read yet.
   */
  find(ref: ConnectorRef, signal: AbortSignal): Awaitable<ResolvedConnector | undefined>;
}
