import type { LimitName, LimitUsage } from '../shared/limits/limit-observer.ts';
import type { CsiDriverValidator, TokenSource, AccessControl, ConnectorSource } from './publish/ports.ts';

/** The driver's dependencies outside its node. */
export interface Backend {
  readonly source: ConnectorSource;
  readonly access: AccessControl;
  readonly tokens: TokenSource;
  readonly csiDriver: CsiDriverValidator;
  /** Starts reading in the background; never waits for the API server. */
  readonly start: () => void;
  readonly stop: () => void;
  /** Returns why publishes would fail now; undefined if they would not. */
  readonly problem: () => string | undefined;
  /** Usage of the backend's limits. */
  readonly load: () => Readonly<Partial<Record<LimitName, LimitUsage>>>;
  /**
   * Age of the API server's least recent confirmation of a cached object, in milliseconds. Undefined: nothing has been
   * read.
   */
  readonly confirmationAgeMs: () => number | undefined;
}
