import type { ConnectorRef, ResolvedConnector } from '../../connectors/model.js';

/** The Connectors as they are now. */
export interface ConnectorLookup {
  /**
   * @returns undefined when there is none of that name (or its class is not there).
   * @throws {CodedError} for a malformed one, or when nothing could be read yet.
   */
  find(ref: ConnectorRef, signal: AbortSignal): Promise<ResolvedConnector | undefined>;
}
