import assert from 'node:assert/strict';
import { Metrics } from '../../../src/driver/metrics.ts';
import {
  exportedIn,
  itHasARightDashboard,
  itHasExplainedMetrics,
  itHasRightAlerts,
} from '../../support/deploy/observability.ts';

const prefix = 'connectors_csi_';

/** Every metric once, with all labels that the driver ever gives it. */
async function exported(): Promise<string> {
  const registry = new Metrics('0.0.0', {
    publishQueueLength: () => 0,
    volumes: () => ({
      volumes: 1,
      byRefresh: { UNAVAILABLE: { volumes: 1, earliestTokenExpiryMs: 1, oldestFailureMs: 1 } },
    }),
    load: () => ({ publishes: { used: 0, capacity: 1024 } }),
    confirmationAgeMs: () => 0,
    droppedLogLines: () => 0,
    isRegistered: () => true,
  });
  registry.started('Probe');
  registry.finished('Probe', 'OK', 1);
  registry.published('ok', 'fresh');
  registry.request('get', 'connectors', 200, 1);
  registry.watchRestart('connectors', 'ended');
  registry.rejected('publishes', 'pod');
  registry.approvalStarted();
  registry.approvalFinished();
  return registry.text();
}

const text = await exported();
const metrics = exportedIn(text, prefix);

describe('the metrics', () => {
  itHasExplainedMetrics({ prefix, text });

  it('have no labels for volumes, pods or connectors', () => {
    assert.ok(metrics.length >= 15);
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

const observed = { prefix, metrics, name: 'connectors-csi' };

describe('the alert rules', () => itHasRightAlerts(observed));

describe('the dashboard', () => itHasARightDashboard(observed, 21));
