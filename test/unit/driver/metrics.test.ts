import assert from 'node:assert/strict';
import type { MetricsProbes } from '../../../src/driver/metrics.js';
import { Metrics } from '../../../src/driver/metrics.js';

const probes: MetricsProbes = {
  publishQueueLength: () => 3,
  renderThreads: () => ({ threads: 1, waiting: 5 }),
  volumes: () => ({ volumes: 2, failing: 1, earliestTokenExpiryMs: 1_500, oldestFailureMs: undefined }),
  cachedObjects: () => ({ connectors: 4 }),
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
      ['render_threads', 1],
      ['render_queue_length', 5],
      ['registered', 1],
      ['published_volumes', 2],
      ['volumes_failing_refresh', 1],
      ['earliest_token_expiry_timestamp_seconds', 1.5],
      ['cached_objects{resource="connectors"}', 4],
    ] as const) {
      assert.equal(await lineOf(metrics, start), `connectors_csi_${start} ${value}`);
    }
  });

  it('says nothing of the registration when that is left to others', async () => {
    const { publishQueueLength, renderThreads, volumes, cachedObjects } = probes;
    const others = { publishQueueLength, renderThreads, volumes, cachedObjects };
    assert.equal(await lineOf(new Metrics('1.2.3', others), 'registered'), undefined);
  });

  it('shows 0 for a time that there is none of, and no stale one', async () => {
    let earliestTokenExpiryMs: number | undefined = 1_500;
    const metrics = new Metrics('1.2.3', {
      ...probes,
      volumes: () => ({ ...probes.volumes(), earliestTokenExpiryMs }),
    });
    const name = 'earliest_token_expiry_timestamp_seconds';
    assert.equal(await lineOf(metrics, name), `connectors_csi_${name} 1.5`);
    earliestTokenExpiryMs = undefined;
    assert.equal(await lineOf(metrics, name), `connectors_csi_${name} 0`);
    assert.equal(
      await lineOf(metrics, 'oldest_refresh_failure_timestamp_seconds'),
      'connectors_csi_oldest_refresh_failure_timestamp_seconds 0',
    );
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
    assert.ok(types.length > 20);
    for (const [, name = '', type] of types) assert.equal(name.endsWith('_total'), type === 'counter', name);
  });

  it('keeps to itself: two of them share nothing', async () => {
    const metrics = new Metrics('1.2.3', probes);
    new Metrics('1.2.3', probes).published('OK', 'fresh');
    assert.equal(await lineOf(metrics, 'publishes_total{'), undefined);
  });
});
