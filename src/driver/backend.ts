import type { AccessControl } from '../access/access-control.js';
import type { ConnectorSource } from '../connectors/connector-source.js';
import type { LimitName, LimitUsage } from '../limits/limit-observer.js';
import type { CsiDriverValidator, TokenSource } from './volume/ports.js';
import type { RefreshListener } from './volume/published-volumes.js';

/** Everything that the driver asks about the world beyond its node. */
export interface Backend {
  readonly source: ConnectorSource;
  readonly access: AccessControl;
  readonly tokens: TokenSource;
  readonly guard: CsiDriverValidator;
  /** Tells the pods of their volumes' refreshes; absent: nobody does. */
  readonly podEvents?: RefreshListener;
  /** Begins to read in the background; never waits for the API. */
  readonly start: () => void;
  readonly stop: () => void;
  /** Why publishes would fail now; undefined when they would not. */
  readonly problem: () => string | undefined;
  /** Objects in memory by resource. */
  readonly cachedObjects: () => Readonly<Record<string, number>>;
  /** How much of the backend's bounds is in use. */
  readonly load: () => Readonly<Partial<Record<LimitName, LimitUsage>>>;
  /** How long ago the API server last said of every object in memory that it is so. Undefined: nothing has been read. */
  readonly confirmationAgeMs: () => number | undefined;
}
