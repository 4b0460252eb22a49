import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ProxyMetrics } from '../../../src/proxy/proxy-metrics.js';
import { repository } from '../../support/deploy/manifests.js';
import type { Metric } from '../../support/deploy/observability.js';
import { exportedIn, itHasARightDashboard, itHasRightAlerts } from '../../support/deploy/observability.js';
import { quietProbes } from '../../support/proxy/quiet-probes.js';

const prefix = 'connectors_proxy_';

const page = readFileSync(path.join(repository, 'docs', 'proxy-reference.md'), 'utf8');

/** Every metric once, with all labels that the proxy ever gives it. */
async function exported(): Promise<readonly Metric[]> {
  const metrics = new ProxyMetrics('0.0.0', {
    ...quietProbes,
    connectorsByReady: () => ({ True: 1 }),
    isLeaseHeld: () => true,
  });
  metrics.finished('forward', 'connect', 502, 1, { received: 1, sent: 1 });
  metrics.firstByte('forward', 1);
  metrics.tunnelOpened('passthrough');
  metrics.handshakeFailed('unknown_ca');
  metrics.reviewed('token', 'api');
  metrics.ruled('allowed');
  metrics.request('get', 'secrets', 200, 1);
  metrics.watchRestart('connectors', 'ended');
  metrics.probed('auth', 'success');
  metrics.wroteStatus('connectors', 'written');
  return exportedIn(await metrics.text(), prefix);
}

const metrics = await exported();
const observed = {
  prefix,
  metrics,
  folder: 'observability/proxy',
  documentedAlerts: [...page.matchAll(/^\| `(ConnectorsProxy\w+)`\s*\|\s*(\w+)/gm)].map(
    ([, alert, severity]) => `${alert!} ${severity!}`,
  ),
};

describe("the proxy's metrics", () => {
  it('are the ones that docs/proxy-reference.md lists, with their labels', () => {
    const rows = [...page.matchAll(/^\| `(\w+)`\s*\|([^|]*)\|[^|]*\|$/gm)];
    for (const { name, labels } of metrics) {
      const [, , documented] = rows.find(([, row]) => `${prefix}${row!}` === name) ?? [];
      assert.deepEqual(
        (documented ?? '?')
          .split(',')
          .map((label) => label.trim())
          .filter(Boolean),
        labels,
        name,
      );
    }
  });
});

describe("the proxy's alert rules", () => itHasRightAlerts(observed));

describe("the proxy's dashboard", () => itHasARightDashboard(observed, 20));
