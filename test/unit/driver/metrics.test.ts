import assert from 'node:assert/strict';
import type { DriverGaugeSources } from '../../../src/driver/metrics.ts';
import { Metrics } from '../../../src/driver/metrics.ts';

const probes: DriverGaugeSources = {
  publishQueueLength: () => 3,
  volumes: () => ({
    volumes: 3,
    byRefresh: {
      OK: { volumes: 1, earliestTokenExpiryMs: 1_500, oldestFailureMs: undefined },
      PERMISSION_DENIED: { volumes: 2, earliestTokenExpiryMs: undefined, oldestFailureMs: 2_500 },
    },
  }),
  load: () => ({ publishes: { used: 5, capacity: 1024 }, volume_memory_bytes: { used: 5, capacity: Infinity } }),
  confirmationAgeMs: () => 2_500,
  droppedLogLines: () => 7,
  isRegistered: () => true,
};

async function lineOf(metrics: Metrics, start: string): Promise<string | undefined> {
  return (await metrics.text()).split('\n').find((line) => line.startsWith(`connectors_csi_${start}`));
}

describe('Metrics', () => {
  it('asks for what it shows when it is scraped', async () => {
    const metrics = new Metrics('1.2.3', probes);
    for (const [start, value] of [
      ['build_info{version="1.2.3"}', 1],
      ['publish_queue_length', 3],
      ['limit_used{limit="publishes"}', 5],
      ['limit_max{limit="publishes"}', 1024],
      ['registered', 1],
      ['published_volumes', 3],
      ['volumes_failing_refresh{code="PERMISSION_DENIED"}', 2],
      ['earliest_token_expiry_timestamp_seconds{code="OK"}', 1.5],
      ['oldest_refresh_failure_timestamp_seconds{code="PERMISSION_DENIED"}', 2.5],
      ['log_lines_dropped_total', 7],
      ['watch_staleness_seconds', 2.5],
      ['limit_max{limit="volume_memory_bytes"}', '+Inf'],
    ] as const) {
      assert.equal(await lineOf(metrics, start), `connectors_csi_${start} ${value}`);
    }
  });

  it('shows nothing for a code that no volume has, and nothing stale', async () => {
    let byRefresh = probes.volumes().byRefresh;
    const metrics = new Metrics('1.2.3', { ...probes, volumes: () => ({ volumes: 3, byRefresh }) });
    for (const name of ['volumes_failing_refresh', 'oldest_refresh_failure_timestamp_seconds']) {
      assert.notEqual(await lineOf(metrics, `${name}{code="PERMISSION_DENIED"}`), undefined);
      assert.equal(await lineOf(metrics, `${name}{code="OK"}`), undefined);
    }
    byRefresh = {};
    for (const name of ['volumes_failing_refresh', 'oldest_refresh_failure', 'earliest_token_expiry'])
      assert.equal(await lineOf(metrics, name), undefined);
  });

  it('counts RPCs that run and RPCs that ended, in seconds', async () => {
    const metrics = new Metrics('1.2.3', probes);
    metrics.started('Probe');
    assert.equal(await lineOf(metrics, 'rpc_in_flight{'), 'connectors_csi_rpc_in_flight{method="Probe"} 1');
    metrics.finished('Probe', 'OK', 250);
    assert.equal(await lineOf(metrics, 'rpc_in_flight{'), 'connectors_csi_rpc_in_flight{method="Probe"} 0');
    const sum = 'rpc_duration_seconds_sum{method="Probe",code="OK"}';
    assert.equal(await lineOf(metrics, sum), `connectors_csi_${sum} 0.25`);
  });

  it('gives a watch no duration', async () => {
    const metrics = new Metrics('1.2.3', probes);
    metrics.request('watch', 'connectors', 200, 300_000);
    assert.match((await lineOf(metrics, 'api_requests_total{')) ?? '', / 1$/);
    assert.equal(await lineOf(metrics, 'api_request_duration_seconds_count'), undefined);
  });

  it('calls counters as Prometheus does, and nothing else so', async () => {
    const types = [...(await new Metrics('1.2.3', probes).text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    assert.ok(types.length > 15);
    for (const [, name = '', type] of types) assert.equal(name.endsWith('_total'), type === 'counter', name);
  });

  it('keeps to itself: two of them share nothing', async () => {
    const metrics = new Metrics('1.2.3', probes);
    new Metrics('1.2.3', probes).published('OK', 'fresh');
    assert.equal(await lineOf(metrics, 'publishes_total{'), undefined);
  });
});
