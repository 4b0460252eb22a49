import assert from 'node:assert/strict';
import { Cluster } from '../../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { eventually } from '../../../support/poll.ts';
import { quickTimings } from '../../../support/kube-client/quick-timings.ts';
import { started } from '../../../support/started.ts';

const minuteMs = 60_000;

describe('while the API server is away', () => {
  let cluster: Cluster;
  let nowMs: number;
  let startMs: number;
  /** The test moves both clocks. */
  const clocks = { now: (): number => nowMs, monotonicNow: (): number => performance.now() + nowMs - startMs };
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    startMs = Date.now();
    nowMs = startMs;
  });

  const isReady = async (driver: InProcessDriver): Promise<boolean> =>
    (await driver.kubelet.probe()).ready?.value === true;

  describe('from the start', () => {
    let driver: InProcessDriver;
    beforeEach(async () => {
      await cluster.api.goOffline();
      driver = await cluster.driver({ flags: ['--max-concurrent-publishes', '2'] });
    });

    it('the driver serves, and says that it is not ready', async () => {
      assert.equal((await driver.kubelet.pluginInfo()).name, 'connectors-csi');
      assert.equal((await driver.kubelet.nodeInfo()).node_id, 'node-1');
      assert.equal(await isReady(driver), false);
    });

    it('first publishes wait inside their deadline, then say what is away, more of them than may work at once', async () => {
      const volumes = Array.from({ length: 5 }, () => cluster.node.volume());
      const publishes = volumes.map((volume) =>
        assertFails(
          // The driver responds after 95 % of it.
          driver.kubelet.publishVolume(volume, {}, { toldMs: 6000 }),
          'UNAVAILABLE',
          /^reading csidriver connectors-csi failed: the API server cannot be reached \(Unreachable\)$/,
        ),
      );
      const waiting = /^connectors_csi_rpc_in_flight\{method="NodePublishVolume"\} 5$/m;
      await eventually('all of them wait', async () => waiting.test(await driver.driver.metrics.text()));
      await Promise.all(publishes);
      for (const volume of volumes) assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    });

    it('publishes that wait succeed when it comes, without a restart', async () => {
      const volumes = Array.from({ length: 5 }, () => cluster.node.volume());
      const publishes = volumes.map((volume) => driver.kubelet.publishVolume(volume));
      await eventually('it was tried', () => driver.log.includes('Watch '));
      await cluster.api.goOnline();
      await Promise.all(publishes);
      for (const volume of volumes) assert.equal(volume.read()['context.token'], volume.token);
      assert.equal(await isReady(driver), true);
    });

    it('volumes of a former driver keep their files, and can be unpublished', async () => {
      await cluster.api.goOnline();
      const volume = cluster.node.volume();
      await driver.kubelet.publishVolume(volume);
      await cluster.stopDriver(driver);
      await cluster.api.goOffline();
      driver = await cluster.driver();
      const before = volume.read();
      await assertFails(
        driver.kubelet.publishVolume(volume, {}, { toldMs: 2000 }),
        'UNAVAILABLE',
        /^refresh failed, the mounted files are kept: UNAVAILABLE: reading csidriver connectors-csi failed: /,
      );
      assert.deepEqual(volume.read(), before);
      await driver.kubelet.unpublishVolume(volume);
      assert.deepEqual(cluster.node.mounts(), []);
    });
  });

  describe('after a while', () => {
    let driver: InProcessDriver;
    beforeEach(async () => {
      driver = await cluster.readyDriver({
        ...clocks,
        // Retries of a review end within the test's patience.
        timings: { ...quickTimings, callMs: 500 },
      });
    });
    const goAway = async (): Promise<void> => {
      await eventually('all is watched', () => cluster.api.openWatches() === 4);
      await cluster.api.goOffline();
    };

    it('republishes without news succeed for as long as it lasts, whatever has aged', async () => {
      const volume = cluster.node.volume();
      await driver.kubelet.publishVolume(volume);
      const before = volume.revision();
      await goAway();
      await driver.kubelet.publishVolume(volume);
      nowMs += 2 * minuteMs;
      await driver.kubelet.publishVolume(volume);
      assert.equal(volume.revision(), before);
    });

    it('what needs something new is told so and keeps its files; unpublish needs nothing', async () => {
      const volume = cluster.node.volume();
      await driver.kubelet.publishVolume(volume);
      const before = volume.read();
      await goAway();
      nowMs += 2 * minuteMs;
      volume.renewToken();
      await assertFails(
        driver.kubelet.publishVolume(volume),
        'UNAVAILABLE',
        /^refresh failed, the mounted files are kept: UNAVAILABLE: asking the API server whether /,
      );
      assert.deepEqual(volume.read(), before);
      const other = cluster.node.volume();
      await assertFails(driver.kubelet.publishVolume(other), 'UNAVAILABLE', /^asking the API server whether /);
      assert.deepEqual(other.kubeletEntries(), ['vol_data.json']);
      await driver.kubelet.unpublishVolume(volume);
      assert.deepEqual(cluster.node.mounts(), []);
      await cluster.api.goOnline();
      await driver.kubelet.publishVolume(other);
      assert.equal(other.read()['context.token'], other.token);
    });

    it('the metrics tell for how long nothing has been confirmed, until it is back', async () => {
      await driver.kubelet.publishVolume(cluster.node.volume());
      const ageSeconds = async (): Promise<number> => {
        const [, seconds] = /^connectors_csi_watch_staleness_seconds (\S+)$/m.exec(await driver.driver.metrics.text())!;
        return Number(seconds);
      };
      await goAway();
      const atFirst = await ageSeconds();
      assert.ok(atFirst > 0);
      await eventually('it grows', async () => (await ageSeconds()) > atFirst + 1);
      const awaySeconds = await ageSeconds();
      await cluster.api.goOnline();
      await eventually('all is confirmed', async () => {
        cluster.api.sendBookmarks();
        return (await ageSeconds()) < awaySeconds;
      });
    });

    it('nobody is told that a connector does not exist which may exist by now', async () => {
      cluster.allow('late', 'ci/builder');
      await assertFails(
        driver.kubelet.publishVolume(cluster.node.volume(), { attributes: { connectors: 'late' } }),
        'NOT_FOUND',
        /^connector ci\/late does not exist$/,
      );
      await eventually('it is watched', () => cluster.api.openWatches('connectors') === 1);
      await cluster.api.goOffline();
      const publish = (): Promise<unknown> =>
        driver.kubelet.publishVolume(cluster.node.volume(), { attributes: { connectors: 'late' } });
      const message = /^reading connector ci\/late failed: the API server cannot be reached/;
      // On a busy machine it does not yet know that its watch has ended.
      await eventually('it notices', () =>
        assertFails(publish(), 'UNAVAILABLE', message).then(
          () => true,
          () => false,
        ),
      );
    });
  });

  it('says what to install where the API server knows no connectors', async () => {
    const message = 'the server could not find the requested resource';
    const effect = { kind: 'status', code: 404, reason: 'NotFound', message } as const;
    const fault = cluster.api.faults.add({ verb: 'list', resource: 'connectors', effect });
    const driver = await cluster.readyDriver();
    const volume = cluster.node.volume();
    await assertFails(
      driver.kubelet.publishVolume(volume),
      'FAILED_PRECONDITION',
      /^reading connector ci\/harbor failed: the API server has no such kind: install the CustomResourceDefinitions of Connectors \(the server could not find the requested resource\)$/,
    );
    fault.remove();
    await eventually('it is noticed', async () => {
      await driver.kubelet.publishVolume(volume).catch(() => undefined);
      return volume.kubeletEntries().includes('mount');
    });
  });

  describe('or does not answer', () => {
    /** So that a call which waits for the answer is never done within a test. */
    const timings = { ...quickTimings, attemptMs: 600_000, callMs: 1_200_000 };
    const hang = { kind: 'hang' } as const;

    it('republishes without news do not wait for it', async () => {
      const driver = await cluster.readyDriver({ ...clocks, timings });
      const volume = cluster.node.volume();
      await driver.kubelet.publishVolume(volume);
      const before = volume.revision();
      cluster.api.faults.add({ resource: 'subjectaccessreviews', effect: hang });
      for (let minutes = 2; minutes <= 4; minutes += 1) {
        nowMs += 2 * minuteMs;
        await driver.kubelet.publishVolume(volume);
      }
      assert.equal(volume.revision(), before);
      assert.equal(cluster.reviews, 2);
      // Nothing new without an answer.
      volume.renewToken();
      const waiting = assertFails(driver.kubelet.publishVolume(volume), 'UNAVAILABLE', /unpublished/);
      await eventually('it waits', async () =>
        (await driver.driver.metrics.text()).includes('rpc_in_flight{method="NodePublishVolume"} 1\n'),
      );
      await driver.kubelet.unpublishVolume(volume);
      await waiting;
    });

    it('publishes that wait for it keep no other from working', async () => {
      const driver = await cluster.readyDriver({ ...clocks, timings, flags: ['--max-concurrent-publishes', '1'] });
      cluster.allow('harbor', 'ci/known');
      await driver.kubelet.publishVolume(cluster.node.volume({ serviceAccountName: 'known' }));
      cluster.api.faults.add({ resource: 'subjectaccessreviews', effect: hang });
      const unknown = cluster.node.volume();
      const waiting = assertFails(driver.kubelet.publishVolume(unknown), 'ABORTED', /unpublished/);
      await eventually('the question is asked', () => cluster.reviews === 2);
      const other = cluster.node.volume({ serviceAccountName: 'known' });
      await driver.kubelet.publishVolume(other);
      assert.equal(other.read()['context.token'], other.token);
      await driver.kubelet.unpublishVolume(unknown);
      await waiting;
    });

    it('a token that was minted and can still be used is kept without waiting for the next', async () => {
      cluster.grantDriver('token-minting');
      const driver = await cluster.readyDriver({ ...clocks, timings, flags: ['--allow-token-minting'] });
      const volume = cluster.node.volume();
      const publish = (): Promise<void> =>
        driver.kubelet.publishVolume(volume, { attributes: { connectors: 'harbor', 'token.expiration': '1h' } });
      await publish();
      const before = volume.revision();
      const fault = cluster.api.faults.add({ resource: 'serviceaccounts', subresource: 'token', effect: hang });
      nowMs += 50 * minuteMs;
      await publish();
      await publish();
      assert.equal(fault.hits, 1);
      assert.equal(volume.revision(), before);
    });
  });

  it('permission that is taken away meanwhile ends the refreshes once it is back', async () => {
    const driver = await cluster.readyDriver({ ...clocks });
    const revoke = cluster.allow('harbor', 'ci/passing');
    const volume = cluster.node.volume({ serviceAccountName: 'passing' });
    await driver.kubelet.publishVolume(volume);
    await cluster.api.goOffline();
    nowMs += 2 * minuteMs;
    await driver.kubelet.publishVolume(volume);
    revoke();
    await cluster.api.goOnline();
    await eventually('a refresh is refused', async () => {
      nowMs += 2 * minuteMs;
      const failure = await driver.kubelet.publishVolume(volume).catch((error: unknown) => error);
      return /files are kept: PERMISSION_DENIED: .*passing cannot get/.test(String(failure));
    });
    assert.equal(volume.read()['context.token'], volume.token);
  });

  it('callers with little time are told what was waited for, and why it did not come', async () => {
    cluster.grantDriver('token-minting');
    const driver = await cluster.readyDriver({ ...clocks, flags: ['--allow-token-minting'] });
    await driver.kubelet.publishVolume(cluster.node.volume());
    const minting = cluster.node.volume();
    await eventually('all is watched', () => cluster.api.openWatches() === 4);
    await cluster.api.goOffline();
    const why = ': the API server has not answered in time \\(connect ECONNREFUSED .*\\)$';
    const attributes = { connectors: 'harbor', 'token.expiration': '1h' };
    await assertFails(
      driver.kubelet.publishVolume(minting, { attributes }, { toldMs: 2000 }),
      'UNAVAILABLE',
      new RegExp(`^minting a token for service account ci/builder failed${why}`),
    );
    nowMs += 2 * minuteMs;
    const publishes = Array.from({ length: 3 }, () =>
      assertFails(
        driver.kubelet.publishVolume(cluster.node.volume(), {}, { toldMs: 2000 }),
        'UNAVAILABLE',
        new RegExp(`^asking the API server whether .*"harbor" in namespace "ci" failed${why}`),
      ),
    );
    await Promise.all(publishes);
  });

  it('drivers come back one after the other, each in its own time', async () => {
    // Long enough that nobody comes back before it is known when.
    const timings = { ...quickTimings, watchBaseMs: 600_000, watchCapMs: 600_000, watchFirstCapMs: 600_000 };
    const shares = [0.01, 0.25, 0.5, 0.75, 0.999];
    await cluster.api.goOffline();
    for (const share of shares) {
      const driver = await cluster.driver({ timings, random: () => share });
      await eventually('its next attempt is set', () => driver.log.includes('"delayMs"'));
      const line = driver.log.split('\n').find((each) => each.includes('"delayMs"'))!;
      const { delayMs } = JSON.parse(line) as { readonly delayMs: number };
      assert.equal(delayMs, Math.round(share * 600_000));
      await cluster.stopDriver(driver);
    }
  });

  it('watches are not begun together, so they do not end together', async () => {
    const shares = [0, 0.25, 0.5, 0.75, 0.999];
    for (const share of shares) {
      const driver = await cluster.readyDriver({ random: () => share });
      await eventually('it watches', () => cluster.api.openWatches() === 2);
      await cluster.stopDriver(driver);
      await eventually('it has gone', () => cluster.api.openWatches() === 0);
    }
    const seconds = cluster.api
      .requestsOf({ verb: 'watch', resource: 'csidrivers' })
      .map(({ query }) => query['timeoutSeconds']);
    assert.deepEqual(seconds, ['300', '375', '450', '525', '599']);
  });
});
