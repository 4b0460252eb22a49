import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { driverLimits } from '../../../../src/driver/limits.js';
import { LoadGenerator } from '../../../support/load-generator/load-generator.js';
import { Cluster } from '../../../support/driver/cluster.js';
import { DriverProcess } from '../../../support/driver/driver-process.js';
import { connector } from '../../../support/driver/manifests.js';
import type { Took } from '../../../support/driver/first-publish.js';
import { firstPublish } from '../../../support/driver/first-publish.js';
import type { TestVolume } from '../../../support/driver/test-volume.js';
import { eventually } from '../../../support/poll.js';
import { memoryOf } from '../../../support/process-state.js';

const hostileUid = 'aaaaaaaa-0000-4000-8000-000000000000';
/** Beside what its volumes hold, which here is next to nothing. */
const maxPeakBytes = 150 * 2 ** 20;

/** Connectors that are asked about before a volume without any right is refused. */
const reviewsEach = 4;

/** What anybody may do who may make a pod: as many volumes as one fits, each of as many connectors as are allowed. */
const hostilePod = {
  identity: { namespace: 'evil', name: 'evil', uid: hostileUid },
  volumes: 700,
  attributes: {
    connectors: Array.from({ length: 32 }, (_, index) => `made-up-{volume}-${index}`).join(','),
  },
};

describe('a pod with 700 volumes of 32 connectors that do not exist', function () {
  let cluster: Cluster;
  let driver: DriverProcess;
  let loadGenerator: LoadGenerator;
  beforeEach(async () => {
    cluster = await Cluster.start();
    driver = await DriverProcess.start(cluster.node, [
      ...cluster.processFlags(),
      ...['--log-level', 'info', '--not-found-wait', '5s'],
    ]);
    loadGenerator = new LoadGenerator();
  });
  afterEach(async () => {
    await loadGenerator.end();
    driver.kill();
    await driver.exited;
    await cluster.stop();
  });

  it('fails no volume of other pods, nor its own volume that is mounted, costs little memory, and is told whose share is used up', async () => {
    const running = cluster.node.volume({ namespace: 'ci', name: 'running' });
    await firstPublish(driver, running);
    const alone: Took[] = [];
    while (alone.length < 3) alone.push(await firstPublish(driver, cluster.node.volume()));
    const aloneMs = Math.max(...alone.map(({ wallMs }) => wallMs));

    // A volume of the pod's own that can be published keeps being refreshed.
    cluster.put(connector('own', { namespace: 'evil' }));
    cluster.allow('own', 'evil/builder', 'evil');
    const own = cluster.node.volume({ ...hostilePod.identity, volumeName: 'own' });
    const ownAttributes = { attributes: { connectors: 'own' } };
    await driver.kubelet.publish(own.publishRequest(ownAttributes));

    const reviewsBefore = cluster.reviews;
    const startMs = performance.now();
    await loadGenerator.run(cluster.node, [hostilePod]);
    const took: Took[] = [];
    const volumes: TestVolume[] = [];
    while (took.length < 8) {
      const volume = cluster.node.volume({ namespace: 'ci', name: `late-${took.length}` });
      took.push(await firstPublish(driver, volume));
      volumes.push(volume);
      running.renewToken();
      await driver.kubelet.publish(running.publishRequest());
      assert.equal(running.read()['context.token'], running.token);
      own.renewToken();
      await driver.kubelet.publish(own.publishRequest(ownAttributes));
      assert.equal(own.read()['context.token'], own.token);
      await sleep(500);
    }
    for (const volume of volumes) await driver.kubelet.unpublishVolume(volume);
    const { peakBytes } = memoryOf(driver.pid);
    const { attempts, published } = await loadGenerator.report();
    const passedMs = performance.now() - startMs;
    const reviews = cluster.reviews - reviewsBefore;
    const [wall, busy] = [took.map(({ wallMs }) => wallMs), took.map(({ driverMs }) => driverMs)];
    console.log(
      `      first publishes beside it: ${listed(wall)} ms (${listed([aloneMs])} alone), the driver's work meanwhile ${listed(busy)} ms; ` +
        `${attempts} attempts of the pod in ${(passedMs / 1000).toFixed(0)} s, ${reviews} reviews, the driver's peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
    );
    assert.ok(attempts >= hostilePod.volumes);
    assert.ok(reviews <= mostReviews(passedMs), `${reviews} reviews for ${attempts} attempts`);
    assert.equal(published, 0);
    assert.ok(peakBytes < maxPeakBytes);
    const isTold =
      /^8 RESOURCE_EXHAUSTED: .*(this pod uses \d+ others already, (which together is more than )?its share|of pod evil\/evil failed)/;
    await eventually('the pod is told', async () =>
      (await loadGenerator.report()).events.some(([message]) => isTold.test(message)),
    );
    for (const limit of ['watches', 'publishes']) {
      const rejections = new RegExp(
        `^connectors_csi_limit_rejections_total\\{limit="${limit}",scope="pod"\\} [1-9]`,
        'm',
      );
      await eventually(`the metrics show it, ${limit}`, async () =>
        rejections.test((await driver.http('/metrics')).body),
      );
    }
  });
});

/** Those of the attempts that are made: what is held is not tried. */
function mostReviews(passedMs: number): number {
  const { burst, everyMs } = driverLimits.failedPublishes;
  return reviewsEach * (burst + driverLimits.publishes.perPod + Math.ceil(passedMs / everyMs));
}

function listed(numbers: readonly number[]): string {
  return numbers.map((number) => number.toFixed(0)).join(', ');
}
