import { ProxyMetrics } from '../../../src/proxy/proxy-metrics.ts';
import {
  exportedIn,
  itHasARightDashboard,
  itHasExplainedMetrics,
  itHasRightAlerts,
} from '../../support/deploy/observability.ts';
import { quietProbes } from '../../support/proxy/quiet-probes.ts';

const prefix = 'connectors_proxy_';

/** Every metric once, with all labels that the proxy ever gives it. */
async function exported(): Promise<string> {
  const metrics = new ProxyMetrics('0.0.0', {
    ...quietProbes,
    connectorsByReady: () => ({ True: 1 }),
    isLeaseHeld: () => true,
  });
  metrics.finished('forward', 'connect', 502, 1, { received: 1, sent: 1 });
  metrics.tunnelOpened('passthrough');
  metrics.handshakeFailed('unknown_ca');
  metrics.ruled('allowed');
  metrics.request('get', 'secrets', 200, 1);
  metrics.watchRestart('connectors', 'ended');
  metrics.wroteStatus('connectors', 'written');
  return metrics.text();
}

const text = await exported();
const observed = { prefix, metrics: exportedIn(text, prefix), name: 'connectors-proxy' };

describe("the proxy's metrics", () => itHasExplainedMetrics({ prefix, text }));

describe("the proxy's alert rules", () => itHasRightAlerts(observed));

describe("the proxy's dashboard", () => itHasARightDashboard(observed, 20));
