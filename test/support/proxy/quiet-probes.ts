import type { ProxyGaugeSources } from '../../../src/proxy/proxy-metrics.ts';

/** What metrics ask of a proxy that does nothing. */
export const quietProbes: ProxyGaugeSources = {
  limits: { connections: { capacity: 1, used: 0, rejected: 0 } },
  isReady: () => false,
  objectLimitBytes: 1,
  caExpiresAtSeconds: () => 0,
  connectorsByReady: () => ({}),
  objects: () => ({ bytes: 0, rejected: 0, unconfirmedMs: 0 }),
  isLeaseHeld: () => false,
};
