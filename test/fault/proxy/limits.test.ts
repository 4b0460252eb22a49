import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { deployedEnv, deployedMemoryBytes } from '../../support/proxy/deployed-env.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import { ProcessFixture } from '../../support/proxy/process-fixture.ts';
import { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';
import { credentialCanary } from '../../support/proxy/proxy-fixture.ts';
import { largeChunks, oneByteChunks, StallingClient, StallingTool } from '../../support/proxy/stalled-peers.ts';
import { eventually } from '../../support/poll.ts';
import type { ProxyProcess } from '../../support/e2e/proxy-process.ts';
import { MemoryCgroup } from '../../support/soak/memory-cgroup.ts';

const MiB = 2 ** 20;
const hosts = ['tool.example', 'other.example'];
const hostileNamespaces = Array.from({ length: 8 }, (_, at) => `hostile-${at + 1}`);

/** The part of a limit that is still used after a flood, for which half of it was filled. */
const stalledPart = 3 / 8;

/** Binds a Role to the account `builder` of namespaces. */
function withSubjects(object: object, namespaces: readonly string[]): object {
  const subjects = namespaces.map((namespace) => ({ kind: 'ServiceAccount', name: 'builder', namespace }));
  return { ...object, subjects };
}

describe('the proxy as deployed, at its limits', function () {
  this.timeout(600_000);
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

  /** One of each hostile namespace, at an address of its own. */
  function openHostileClients(): void {
    for (const [at, namespace] of hostileNamespaces.entries()) {
      clients.push(new StallingClient(`127.0.1.${at + 1}`, proxyClient(namespace), fixture.authority));
    }
  }

  /** The part of a limit that is used. */
  async function partUsed(limit: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${fixture.healthPort}/metrics`)).text();
    const read = (name: string): number =>
      Number(new RegExp(`^connectors_proxy_${name}\\{limit="${limit}"\\} (\\S+)$`, 'm').exec(text)?.[1]);
    return read('limit_used') / read('limit_max');
  }

  /** Has all clients open some more until it is enough: on a busy machine, the proxy gives up some of them. */
  async function openUntil(
    what: string,
    open: (client: StallingClient) => Promise<void>,
    isEnough: () => boolean | Promise<boolean>,
  ): Promise<void> {
    await eventually(
      what,
      async () => {
        await Promise.all(clients.flatMap((client) => Array.from({ length: 8 }, () => open(client))));
        return isEnough();
      },
      240_000,
    );
  }

  /** Opens requests until so many are at the tool. */
  async function stall(count: number): Promise<void> {
    const open = (client: StallingClient): Promise<void> => client.stall(`tool.example:${tool.port}`);
    await openUntil(`${count} requests are at the tool`, open, () => tool.waiting.size >= count);
  }

  /** Both sides of all requests write until nothing goes on, as neither reads. */
  function flood(block: Buffer): void {
    for (const client of clients) client.flood(block);
    tool.flood(block);
  }

  /** Waits until the proxy has nothing to do, or long enough: what it holds then is what it holds for good. */
  async function settled(): Promise<void> {
    for (let rounds = 0, before = NaN, now = 0; rounds < 30 && now !== before; rounds += 1) {
      before = now;
      await sleep(500);
      now = proxy.cpuTicks;
    }
  }

  async function assertUsed(least: number, ...limits: readonly string[]): Promise<void> {
    for (const limit of limits) {
      const part = await partUsed(limit);
      console.log(`      ${limit}: ${Math.round(100 * part)} % used`);
      assert.ok(part >= least, `${limit}: ${part}`);
    }
  }

  function proxyClient(namespace: string): ProxyClient {
    const token = fixture.token({ namespace });
    return new ProxyClient(proxy.port, namespace === 'quiet' ? 'quiet/other' : 'ci/tool', token, fixture.authority);
  }

  /** Requests of a namespace that has nothing to do with it, and how long they take. */
  async function bystand(count: number): Promise<readonly number[]> {
    const client = proxyClient('quiet');
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

  it('survives transfers in chunks of one byte that neither side reads, and serves others afterwards', async () => {
    openHostileClients();
    await stall(proxyLimits.requestsInFlight.total / 2);
    flood(oneByteChunks);
    // Those over the share of their namespace are ended.
    await settled();
    for (const client of clients) client.close();
    await eventually('all have ended', async () => (await partUsed('requests_in_flight')) === 0, 60_000);
    report(await bystand(20));
    assert.ok(!proxy.hasEnded, proxy.log);
  });

  it('survives all limits reached at once, and serves others', async () => {
    const authority = `tool.example:${tool.port}`;
    openHostileClients();
    await stall(proxyLimits.toolSockets.total / 2);
    await Promise.all(clients.flatMap((client) => Array.from({ length: 8 }, () => client.beginHeaders(authority))));
    const isHalfUsed = async (): Promise<boolean> => (await partUsed('connections')) >= 1 / 2;
    await openUntil('half of the connections are used', (client) => client.beginHeaders(), isHalfUsed);
    await assertUsed(1 / 2, 'requests_in_flight', 'tool_connections', 'connections');
    report(await bystand(100));
    assert.ok(!proxy.hasEnded, proxy.log);
    for (const client of clients) client.close();
    await bystand(10);
    assert.ok(!proxy.hasEnded, proxy.log);
  });

  it('survives as many large transfers as it takes, of which neither side reads anything', async () => {
    openHostileClients();
    await stall(proxyLimits.toolSockets.total / 2);
    flood(largeChunks);
    await settled();
    await assertUsed(stalledPart, 'requests_in_flight', 'tool_connections');
    for (const client of clients) client.close();
    await settled();
    report(await bystand(10));
    assert.ok(!proxy.hasEnded, proxy.log);
  });
});
