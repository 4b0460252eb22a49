import assert from 'node:assert/strict';
import { quietProbes } from '../../support/proxy/quiet-probes.ts';
import { ProxyMetrics } from '../../../src/proxy/proxy-metrics.ts';

describe('ProxyMetrics', () => {
  it('asks for what it shows when it is scraped', async () => {
    const connections = { capacity: 5, used: 1, rejected: 0 };
    const metrics = new ProxyMetrics('1.2.3', {
      ...quietProbes,
      limits: { connections },
      caExpiresAtSeconds: () => 5,
    });
    Object.assign(connections, { used: 3, rejected: 2 });
    const lines = (await metrics.text()).split('\n');
    for (const line of [
      'build_info{version="1.2.3"} 1',
      'limit_used{limit="connections"} 3',
      'limit_max{limit="connections"} 5',
      'limit_rejections_total{limit="connections"} 2',
      'ca_expiry_timestamp_seconds 5',
    ]) {
      assert.ok(lines.includes(`connectors_proxy_${line}`), line);
    }
  });

  it('counts on from scrape to scrape', async () => {
    const metrics = new ProxyMetrics('1.2.3', quietProbes);
    const bytes = { received: 10, sent: 20 };
    const shown = async (line: string): Promise<void> => {
      const lines = (await metrics.text()).split('\n');
      assert.ok(lines.includes(`connectors_proxy_${line}`), lines.join('\n'));
    };
    metrics.finished('forward', 'ok', 200, 1, bytes);
    metrics.finished('forward', 'ok', 200, 1, bytes);
    metrics.finished('forward', 'denied', 403, 1, bytes);
    await shown('requests_total{mode="forward",outcome="ok",code="200"} 2');
    await shown('requests_total{mode="forward",outcome="denied",code="403"} 1');
    metrics.finished('forward', 'ok', 200, 1, bytes);
    await shown('requests_total{mode="forward",outcome="ok",code="200"} 3');
    await shown('bytes_total{direction="sent"} 80');
  });

  it('counts statuses that HTTP does not define as one', async () => {
    const metrics = new ProxyMetrics('1.2.3', quietProbes);
    for (let status = 200; status < 1000; status += 1) {
      metrics.finished('forward', 'ok', status, 1, { received: 1, sent: 1 });
    }
    const text = await metrics.text();
    const codes = [...text.matchAll(/^connectors_proxy_requests_total\{.*code="(\w+)"\} (\d+)$/gm)];
    assert.ok(codes.length < 70, String(codes.length));
    assert.ok(codes.some(([, code, count]) => code === 'other' && Number(count) > 700));
  });

  it('shows of the process what the driver shows, and nothing that takes a timer', async () => {
    const text = await new ProxyMetrics('1.2.3', quietProbes).text();
    const names = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name ?? '');
    assert.ok(names.includes('process_anonymous_memory_bytes'));
    assert.deepEqual(
      names.filter((name) => !/^(connectors_proxy|process)_/.test(name)),
      [],
    );
  });
});
