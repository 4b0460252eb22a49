import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Metrics } from '../../../src/driver/metrics.js';
import { repository } from '../../support/deploy/manifests.js';
import type { Metric } from '../../support/deploy/observability.js';
import { exportedIn, itHasARightDashboard, itHasRightAlerts } from '../../support/deploy/observability.js';

const page = readFileSync(path.join(repository, 'docs', 'monitoring.md'), 'utf8');

/** The table of docs/monitoring.md, the one list of them outside the code. */
const metrics: Metric[] = [...page.matchAll(/^\| `(connectors_csi_\w+)`\s*\|\s*(\w+)\s*\|([^|]*)\|/gm)].map(
  ([, name, type, labels]) => ({
    name: name!,
    type: type!,
    labels: labels!
      .split(',')
      .map((label) => label.trim())
      .filter(Boolean),
  }),
);

/** Every metric once, with all labels that the driver ever gives it. */
async function exported(): Promise<readonly Metric[]> {
  const registry = new Metrics('0.0.0', {
    renderThreads: () => ({ threads: 0, waiting: 0 }),
    publishQueueLength: () => 0,
    volumes: () => ({
      volumes: 1,
      byRefresh: { UNAVAILABLE: { volumes: 1, earliestTokenExpiryMs: 1, oldestFailureMs: 1 } },
    }),
    load: () => ({ publishes: { used: 0, limit: 1024 } }),
    cachedObjects: () => ({ connectors: 0 }),
    confirmationAgeMs: () => 0,
    droppedLogLines: () => 0,
    volumeMemory: () => ({ heldBytes: 0, budgetBytes: 0, rejections: { node: 0 } }),
    isRegistered: () => true,
  });
  registry.started('Probe');
  registry.finished('Probe', 'OK', 1);
  registry.published('ok', 'fresh');
  registry.request('get', 'connectors', 200, 1);
  registry.watchRestart('connectors', 'ended');
  registry.rendered('ok', 1, 1);
  registry.refreshedOnChange('refreshed', 1);
  registry.podEvent('written');
  registry.rejected('publishes', 'pod');
  registry.approvalStarted();
  registry.approvalFinished('granted', 1);
  registry.eventLoopDelayed(0);
  return exportedIn(await registry.text(), 'connectors_csi_');
}

describe('the metrics', () => {
  it('are the ones that the driver exports, with type and labels', async () => {
    const inOrder = (list: readonly Metric[]): Metric[] =>
      list
        .map((metric) => ({ ...metric, labels: [...metric.labels].sort() }))
        .sort((one, other) => one.name.localeCompare(other.name));
    assert.deepEqual(inOrder(metrics), inOrder(await exported()));
  });

  it('are described once each, without labels for volumes, pods or connectors', () => {
    assert.ok(metrics.length >= 18);
    assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length);
    const labels = new Set(metrics.flatMap((metric) => metric.labels));
    assert.deepEqual([...labels].sort(), [
      'code',
      'limit',
      'method',
      'outcome',
      'path',
      'reason',
      'resource',
      'scope',
      'verb',
      'version',
    ]);
  });
});

const observed = {
  prefix: 'connectors_csi_',
  metrics,
  folder: 'observability',
  documentedAlerts: [...page.matchAll(/^\| `(ConnectorsCSI\w+)`\s*\|\s*(\w+)/gm)].map(
    ([, alert, severity]) => `${alert!} ${severity!}`,
  ),
};

describe('the alert rules', () => itHasRightAlerts(observed));

describe('the dashboard', () => itHasARightDashboard(observed, 21));
