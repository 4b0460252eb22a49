/** What became of a change of a status that was due. */
export type WriteOutcome = 'written' | 'conflict' | 'forbidden' | 'failed';

/** Told of what the status writer does; for metrics. */
export interface StatusObserver {
  wroteStatus(resource: 'connectors' | 'connectorclasses', outcome: WriteOutcome): void;
}
