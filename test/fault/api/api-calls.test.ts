import assert from 'node:assert/strict';
import { ApprovalsController } from '../../support/access/approvals-controller.ts';
import { rulesFor, type Purpose } from '../../support/access/driver-rules.ts';
import { Cluster } from '../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../support/driver/in-process-driver.ts';
import { connector, flagsConfigMap } from '../../support/driver/manifests.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { everyFault, isHarmless, toldOf } from '../../support/kube-api/every-fault.ts';
import type { Fault, FaultEffect } from '../../support/kube-api/faults.ts';
import { quickTimings } from '../../support/kube-client/quick-timings.ts';
import { isUnknown, outcomeOf } from '../../support/model/outcome.ts';
import type { Outcome } from '../../support/model/outcome.ts';
import { eventually } from '../../support/poll.ts';

const rights = ['driver', 'approval', 'token-minting'] as const;
const attributes = { connectors: 'harbor', 'token.expiration': '1h' };
/** Milliseconds that the kubelet waits for a call that is to fail; it comes again. */
const patienceMs = 600;
/** Largest factor of all timeouts. */
const maxSlowness = 16;
/** Beyond what the driver remembers of reviews, and beyond the renewal of a token of an hour. */
const laterMs = 50 * 60_000;
const atOnce = 8;
/** One in so many failures is tried, others for each request. */
const failureStep = Number(process.env['API_FAILURE_STEP'] ?? 1);

type Call = Required<Pick<Fault, 'verb' | 'resource' | 'subresource'>>;

/** Whatever the driver may ask of the API server, from the rules of its roles, all of which another test sees used. */
const calls = rights.flatMap(callsOf);

function callsOf(purpose: Purpose): readonly Call[] {
  return rulesFor(purpose).flatMap(({ verbs, resources = [] }) =>
    // Not asked for: the driver is recognized by it.
    resources
      .filter((each) => each !== 'drivers')
      .flatMap((each) => {
        const [resource = '', subresource = ''] = each.split('/');
        return verbs.map((verb) => ({ verb, resource, subresource }));
      }),
  );
}

/** How a first publish ends that needs the answer. Without a watch it is not current, but there. */
function expectedOf({ verb }: Call, effect: FaultEffect): Outcome['code'] {
  if (isHarmless(effect) || verb === 'watch') return 'OK';
  return effect.kind === 'status' && effect.code === 403 ? 'FAILED_PRECONDITION' : 'UNAVAILABLE';
}

/** A node with everything on that makes the driver ask: approval, proxy permissions, minting. */
class Fixture {
  readonly cluster: Cluster;
  readonly volume: TestVolume;
  readonly #approvals: ApprovalsController;
  readonly #approving: NodeJS.Timeout;
  #driver: InProcessDriver | undefined;
  aheadMs = 0;
  /** Factor of all timeouts. It doubles when a publish fails, because on a busy machine each call can time out. */
  #slowness = 1;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.volume = cluster.node.volume();
    for (const file of rights) if (file !== 'driver') cluster.grantDriver(file);
    cluster.put(flagsConfigMap({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }));
    this.#approvals = new ApprovalsController(cluster.api);
    this.#approving = setInterval(() => this.#approve(), 5);
  }

  static async start(): Promise<Fixture> {
    return new Fixture(await Cluster.start());
  }

  async stop(): Promise<void> {
    clearInterval(this.#approving);
    await this.cluster.stop();
  }

  async startDriver(): Promise<void> {
    const now = (): number => Date.now() + this.aheadMs;
    const monotonicNow = (): number => performance.now() + this.aheadMs;
    const slowed = (ms: number): number => ms * this.#slowness;
    const timings = {
      ...quickTimings,
      gracePeriodMs: 20,
      get attemptMs() {
        return slowed(150);
      },
      get callMs() {
        return slowed(400);
      },
    };
    this.#driver = await this.cluster.driver({
      timings,
      now,
      monotonicNow,
      flags: ['--allow-token-minting'],
    });
  }

  async publish(timeoutMs: number): Promise<Outcome> {
    const request = this.volume.publishRequest({ attributes });
    const outcome = await outcomeOf(this.#kubelet.publish(request, { timeoutMs: timeoutMs * this.#slowness }));
    if (outcome.code !== 'OK') this.#slowness = Math.min(maxSlowness, 2 * this.#slowness);
    return outcome;
  }

  /**
   * Publishes as the kubelet does, which comes again. Another request may fail first where time is short.
   * @param isFoundLater whether a publish may find what an earlier one has made although its answer was cut off.
   */
  async untilFailsWith(code: Outcome['code'], isFoundLater: boolean): Promise<void> {
    let attempts = 0;
    await eventually(`a publish fails with ${code}`, async () => {
      const outcome = await this.publish(patienceMs);
      attempts += 1;
      if (outcome.code !== 'OK') assert.deepEqual(this.volume.kubeletEntries(), ['vol_data.json']);
      else assert.ok(isFoundLater && attempts > 1, 'published although a call fails');
      return outcome.code === code || outcome.code === 'OK';
    });
  }

  async untilPublished(): Promise<void> {
    let outcome: Outcome | undefined;
    const isPublished = async (): Promise<boolean> => (outcome = await this.publish(5000)).code === 'OK';
    await eventually('', isPublished).catch(() => assert.fail(`not published: ${outcome?.message ?? ''}`));
  }

  async unpublish(): Promise<void> {
    await this.#kubelet.unpublishVolume(this.volume);
  }

  begin(call: Call, effect: FaultEffect): void {
    this.cluster.api.faults.add({ ...call, effect });
    this.cluster.api.closeConnections();
  }

  /** Also what hangs is over. */
  end(): void {
    this.cluster.api.faults.clear();
    this.cluster.api.closeConnections();
  }

  get #kubelet(): InProcessDriver['kubelet'] {
    if (this.#driver === undefined) throw new Error('no driver runs');
    return this.#driver.kubelet;
  }

  #approve(): void {
    for (const request of this.#approvals.requests) {
      if (request['status'] !== undefined) continue;
      this.#approvals.grant(request, this.volume.pod, { namespace: 'ci', name: 'harbor' });
    }
  }
}

/** The token that all files have. */
function tokenIn(volume: TestVolume): string {
  const { '.env': env = '', 'context.token': token = '', 'http.proxy': proxy = '' } = volume.read();
  assert.ok(token !== '' && env.includes(`:${token}@`) && proxy.includes(`:${token}@`), 'the files are of two tokens');
  return token;
}

async function assertBears(call: Call, effect: FaultEffect): Promise<void> {
  const { verb, resource } = call;
  const fixture = await Fixture.start();
  const { volume, cluster } = fixture;
  try {
    // A first publish.
    fixture.begin(call, effect);
    await fixture.startDriver();
    const expected = expectedOf(call, effect);
    if (expected !== 'OK') {
      await fixture.untilFailsWith(
        expected,
        verb === 'create' && resource === 'accessrequests' && effect.kind === 'cut',
      );
      fixture.end();
    }
    await fixture.untilPublished();
    fixture.end();

    // A refresh that needs every answer anew.
    const before = tokenIn(volume);
    fixture.begin(call, effect);
    fixture.aheadMs += laterMs;
    const refresh = await fixture.publish(patienceMs);
    if (refresh.code !== 'OK' && !isUnknown(refresh)) {
      assert.equal(refresh.code, 'UNAVAILABLE', refresh.message);
      assert.match(refresh.message, /^refresh failed, the mounted files are kept: /);
    }
    const kept = tokenIn(volume);
    assert.ok(refresh.code !== 'UNAVAILABLE' || kept === before);
    cluster.put(connector('harbor', { proxyUrl: 'http://moved.example' }));
    fixture.end();
    await eventually('what has changed meanwhile has come, with a new token', async () => {
      await fixture.untilPublished();
      return volume.read()['connector.status.proxyAddress'] === 'http://moved.example' && tokenIn(volume) !== before;
    });

    // Unpublish asks nobody.
    fixture.begin(call, effect);
    await fixture.unpublish();
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  } finally {
    fixture.end();
    await fixture.stop();
  }
}

/** Several at once: they mostly wait. */
async function assertEach(
  effects: readonly FaultEffect[],
  assertOne: (effect: FaultEffect) => Promise<void>,
): Promise<void> {
  assert.ok(effects.length > 0);
  const waiting = [...effects];
  const problems: string[] = [];
  const work = async (): Promise<void> => {
    for (let effect = waiting.shift(); effect !== undefined; effect = waiting.shift()) {
      await assertOne(effect).catch((error: unknown) => problems.push(`${toldOf(effect)}: ${String(error)}`));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  assert.deepEqual(problems, []);
}

describe('an API server that fails', function () {
  this.timeout(300_000);

  for (const [index, call] of calls.entries()) {
    const { verb, resource, subresource } = call;
    const effects = everyFault.filter((_, at) => (at + index) % failureStep === 0);
    it(`to ${verb} ${resource}${subresource && `/${subresource}`} in each way is told, costs no file and no mount`, async () => {
      await assertEach(effects, (effect) => assertBears(call, effect));
    });
  }
});
