import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { eventually } from '../../support/poll.ts';
import { deployedEnv, deployedMemoryBytes } from '../../support/proxy/deployed-env.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import { ProcessFixture } from '../../support/proxy/process-fixture.ts';
import { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { credentialCanary } from '../../support/proxy/proxy-fixture.ts';
import { StallingClient, StallingTool } from '../../support/proxy/stalled-peers.ts';
import type { ProxyProcess } from '../../support/e2e/proxy-process.ts';
import { MemoryCgroup } from '../../support/soak/memory-cgroup.ts';

const MiB = 2 ** 20;
const hosts = ['tool.example', 'other.example'];

describe('the proxy as deployed, at its limits', function () {
  this.timeout(300_000);
  let tool: StallingTool;
  let fixture: ProcessFixture;
  let cgroup: MemoryCgroup | undefined;
  let proxy: ProxyProcess;
  let clients: StallingClient[];

  beforeEach(async () => {
    clients = [];
    tool = await StallingTool.start(hosts);
    const login = { username: 'robot', password: credentialCanary };
    fixture = await ProcessFixture.start([
      connector('tool', `https://tool.example:${tool.port}`, { secret: 'login', caSecret: 'tool-ca' }),
      connector('other', `https://other.example:${tool.port}`, { secret: 'login', caSecret: 'tool-ca' }),
      secret('login', 'kubernetes.io/basic-auth', login),
      ...grant('builder', ['tool', 'other']),
    ]);
    cgroup = MemoryCgroup.make(deployedMemoryBytes());
    proxy = await fixture.replica(hosts, ['--log-level', 'info'], {
      env: deployedEnv(),
      ...(cgroup === undefined ? {} : { entering: cgroup.entering }),
    });
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await fixture.stop();
    await tool.stop();
    cgroup?.remove();
  });

  /** In a pod of its own, at an address of its own. */
  async function clientOf(pod: number): Promise<StallingClient> {
    const client = new StallingClient(`127.0.1.${pod}`, await proxyClient(`pod-${pod}`), fixture.authority);
    clients.push(client);
    return client;
  }

  async function proxyClient(pod: string): Promise<ProxyClient> {
    const token = await fixture.keys.token({ pod });
    return new ProxyClient(proxy.port, 'ci/tool,ci/other', token, fixture.authority);
  }

  /** Requests of a pod that has nothing to do with it, and how long they take. */
  async function bystand(count: number): Promise<readonly number[]> {
    const client = await proxyClient('bystander');
    const tookMs: number[] = [];
    for (let at = 0; at < count; at += 1) {
      const startMs = performance.now();
      const { status, body } = await client.getSecurely(`https://other.example:${tool.port}/${at}`);
      tookMs.push(performance.now() - startMs);
      assert.equal(`${status} ${body}`, '200 hello');
    }
    return tookMs.sort((one, other) => one - other);
  }

  function report(tookMs: readonly number[]): void {
    const at = (part: number): string => (tookMs[Math.floor(tookMs.length * part)] ?? 0).toFixed(0);
    const peak = ((cgroup?.peakBytes ?? 0) / MiB).toFixed(0);
    console.log(
      `      a bystander's requests: median ${at(0.5)} ms, p99 ${at(0.99)} ms; the process's peak ${proxy.peakMib.toFixed(0)} MiB, ` +
        `the cgroup's ${peak} MiB, limit reached ${cgroup?.limitHits ?? 0} times; ${tool.connections} connections to tools`,
    );
  }

  it('survives transfers in chunks of one byte that neither side reads, and serves others', async () => {
    const client = await clientOf(1);
    const authority = `tool.example:${tool.port}`;
    // On a busy machine, the proxy gives up some of them before they reach the tool.
    await eventually(
      'the share of the pod is used up',
      async () => {
        await Promise.all(Array.from({ length: 30 }, () => client.stall(authority)));
        return tool.opened >= proxyLimits.requestsInFlight.total / 2;
      },
      120_000,
    );
    await sleep(2_000);
    report(await bystand(100));
    assert.ok(!proxy.hasEnded, proxy.log);
  });

  it('survives all limits reached at once, and serves others', async () => {
    const authority = `tool.example:${tool.port}`;
    for (let pod = 1; pod <= 8; pod += 1) {
      const client = await clientOf(pod);
      for (let batch = 0; batch < 8; batch += 1) {
        const stalls = Array.from({ length: 16 }, () => client.stall(authority));
        const heads = Array.from({ length: 16 }, () => client.beginHeaders(authority));
        const plain = Array.from({ length: 8 }, () => client.beginHeaders());
        await Promise.all([...stalls, ...heads, ...plain]);
      }
    }
    await sleep(2_000);
    report(await bystand(100));
    assert.ok(!proxy.hasEnded, proxy.log);
    for (const client of clients) client.close();
    await bystand(10);
    assert.ok(!proxy.hasEnded, proxy.log);
  });
});
