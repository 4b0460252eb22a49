import type { MetricsProbes } from '../../../src/proxy/proxy-metrics.js';

/** What metrics ask of a proxy that does nothing. */
export const quietProbes: MetricsProbes = {
  connections: () => 0,
  connectionLimit: 1,
  connectionsRefused: () => ({ all: 0 }),
  clientBytes: () => 0,
  clientLimitBytes: 1,
  isReady: () => false,
  objectLimitBytes: 1,
  caExpiresAtSeconds: () => 0,
  connectorsByReady: () => ({}),
  objects: () => ({ bytes: 0, refused: 0 }),
  isLeaseHeld: () => false,
};
