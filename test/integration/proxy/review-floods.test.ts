import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass } from '../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const floodMs = 500;
const { burst, everyMs } = proxyLimits.failedReviews;
/** What the pace lets through in the time of a flood; the flood may last longer on a busy machine. */
const allowedIn = (tookMs: number): number => burst + Math.ceil(tookMs / everyMs) + 1;

/** Clients that have the API server asked about what comes to nothing, beside one that has not. */
describe('floods of questions for the API server', () => {
  let tool: ToolServer;
  let fixture: ClusterFixture;
  /** A pod of its own. */
  let attackers: http.Agent;
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);

  beforeEach(async () => {
    tool = await ToolServer.start('http');
    fixture = await ClusterFixture.start();
    fixture.put(connector('tool', tool.url(), { secret: 'login' }), connectorClass(), robotLogin);
    fixture.bindCredentials('ci');
    fixture.allow('tool');
    await fixture.replica();
    warnings.length = 0;
    process.on('warning', onWarning);
    attackers = new http.Agent({ keepAlive: true, localAddress: '127.0.0.2' });
  });

  afterEach(async () => {
    attackers.destroy();
    await fixture.stop();
    await tool.stop();
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });

  /** Many at once for a while and until one of them is slowed down, and pods with tokens of their own meanwhile. */
  const flood = async (
    client: () => ProxyClient,
  ): Promise<{ readonly tookMs: number; readonly statuses: Set<number> }> => {
    const startMs = performance.now();
    const statuses = new Set<number>();
    const isOver = (): boolean => statuses.has(429) && performance.now() - startMs > floodMs;
    const attack = async (): Promise<void> => {
      while (!isOver()) {
        statuses.add((await client().get(tool.url(), {}, attackers)).status);
      }
    };
    const others = async (): Promise<void> => {
      while (!isOver()) {
        assert.equal((await fixture.client('ci/tool', fixture.token()).get(tool.url())).status, 200);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await Promise.all([others(), ...Array.from({ length: 64 }, attack)]);
    return { tookMs: performance.now() - startMs, statuses };
  };

  /** The others have a review for each of their tokens, of which each is an identity of its own. */
  const reviewsOfFlood = (): number => fixture.api.count({ resource: 'subjectaccessreviews' }) - tool.seen.length;

  it('by tokens that nobody has made are slowed down by the address that they come from', async () => {
    const [head, payload] = fixture.token().split('.');
    const forged = (): ProxyClient =>
      fixture.client('ci/tool', `${head}.${payload}.${randomBytes(64).toString('base64url')}`);
    const { tookMs, statuses } = await flood(forged);
    const asked = fixture.api.count({ resource: 'tokenreviews' });
    const valid = tool.seen.length;
    console.log(
      `      ${asked - valid} reviews of tokens in ${Math.round(tookMs)} ms, ${valid} valid ones beside them`,
    );
    assert.ok(asked - valid <= allowedIn(tookMs));
    assert.deepEqual([...statuses].sort(), [407, 429]);
  });

  it('by connectors that an account may not use are slowed down by the pod', async () => {
    const token = fixture.token('stranger');
    let made = 0;
    const names = (): string => Array.from({ length: 32 }, () => `ci/no-${(made += 1)}`).join(',');
    const { tookMs, statuses } = await flood(() => fixture.client(names(), token));
    const asked = reviewsOfFlood();
    console.log(`      ${asked} reviews of access in ${Math.round(tookMs)} ms`);
    assert.ok(asked <= allowedIn(tookMs));
    assert.deepEqual([...statuses].sort(), [403, 429]);
  });

  it('by connectors that do not exist are slowed down by the pod, also for an account that may use all', async () => {
    fixture.api.bind({
      serviceAccount: 'ci/stranger',
      namespace: 'ci',
      rules: [{ verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] }],
    });
    const token = fixture.token('stranger');
    const absent = await fixture.client('ci/absent', token).get(tool.url());
    assert.equal(absent.status, 502);
    assert.match(absent.body, /connector ci\/absent does not exist/);
    let made = 0;
    const names = (): string => Array.from({ length: 32 }, () => `ci/no-${(made += 1)}`).join(',');
    const { tookMs, statuses } = await flood(() => fixture.client(names(), token));
    // One was for the connector above.
    const asked = reviewsOfFlood() - 1;
    console.log(`      ${asked} reviews of access in ${Math.round(tookMs)} ms`);
    assert.ok(asked <= allowedIn(tookMs));
    assert.deepEqual([...statuses].sort(), [429, 502]);
    // Those that exist have no limit.
    assert.equal((await fixture.client('ci/tool', token).get(tool.url())).status, 200);
  });
});
