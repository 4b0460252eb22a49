import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { deployedEnv, deployedMemoryBytes } from '../../support/proxy/deployed-env.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import { ProcessFixture } from '../../support/proxy/process-fixture.ts';
import { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';
import { credentialCanary } from '../../support/proxy/proxy-fixture.ts';
import { StallingClient, StallingTool } from '../../support/proxy/stalled-peers.ts';
import type { ProxyProcess } from '../../support/e2e/proxy-process.ts';
import { MemoryCgroup } from '../../support/soak/memory-cgroup.ts';

const MiB = 2 ** 20;
const hosts = ['tool.example', 'other.example'];
const hostileNamespaces = Array.from({ length: 8 }, (_, at) => `hostile-${at + 1}`);

/** Binds a Role to the account `builder` of namespaces. */
function withSubjects(object: object, namespaces: readonly string[]): object {
  const subjects = namespaces.map((namespace) => ({ kind: 'ServiceAccount', name: 'builder', namespace }));
  return { ...object, subjects };
}

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
      secret('login', 'kubernetes.io/basic-auth', login),
      ...grant('builder', ['tool']).map((object) => withSubjects(object, hostileNamespaces)),
      // The Connector of others is in another namespace too: the tools of one share its part of the thread.
      connector('other', `https://other.example:${tool.port}`, {
        ...{ namespace: 'quiet', secret: 'login', caSecret: 'tool-ca' },
      }),
      secret('login', 'kubernetes.io/basic-auth', login, { namespace: 'quiet' }),
      secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }, { namespace: 'quiet' }),
      ...grant('builder', ['other'], { namespace: 'quiet' }).map((object) => withSubjects(object, ['quiet'])),
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

  /** In a namespace of its own, at an address of its own. */
  async function clientOf(pod: number): Promise<StallingClient> {
    const client = new StallingClient(`127.0.1.${pod}`, await proxyClient(`hostile-${pod}`), fixture.authority);
    clients.push(client);
    return client;
  }

  /** Runs an attack from eight namespaces at once. */
  async function hostile(attack: (client: StallingClient) => Promise<void>): Promise<void> {
    const indexes = Array.from({ length: 8 }, (_, at) => at + 1);
    await Promise.all(indexes.map(async (index) => attack(await clientOf(index))));
  }

  async function proxyClient(namespace: string): Promise<ProxyClient> {
    const token = await fixture.keys.token({ namespace });
    return new ProxyClient(proxy.port, namespace === 'quiet' ? 'quiet/other' : 'ci/tool', token, fixture.authority);
  }

  /** Requests of a namespace that has nothing to do with it, and how long they take. */
  async function bystand(count: number): Promise<readonly number[]> {
    const client = await proxyClient('quiet');
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
    const authority = `tool.example:${tool.port}`;
    // Each namespace gets a share of the thread for handshakes, so one alone would need minutes for its share of requests.
    await hostile(async (client) => {
      for (let batch = 0; batch < 2; batch += 1) {
        await Promise.all(Array.from({ length: 30 }, () => client.stall(authority)));
      }
    });
    assert.ok(tool.opened > 0);
    await sleep(2_000);
    report(await bystand(100));
    assert.ok(!proxy.hasEnded, proxy.log);
  });

  it('survives all limits reached at once, and serves others', async () => {
    const authority = `tool.example:${tool.port}`;
    await hostile(async (client) => {
      for (let batch = 0; batch < 2; batch += 1) {
        const stalls = Array.from({ length: 16 }, () => client.stall(authority));
        const heads = Array.from({ length: 16 }, () => client.beginHeaders(authority));
        const plain = Array.from({ length: 32 }, () => client.beginHeaders());
        await Promise.all([...stalls, ...heads, ...plain]);
      }
    });
    await sleep(2_000);
    report(await bystand(100));
    assert.ok(!proxy.hasEnded, proxy.log);
    for (const client of clients) client.close();
    await bystand(10);
    assert.ok(!proxy.hasEnded, proxy.log);
  });
});
