import assert from 'node:assert/strict';
import fs from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connectorClass } from '../../../support/driver/manifests.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { wrapSyscalls } from '../../../support/host/syscall-wrapper.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const remove = ['--on-revoked', 'remove'];
const attributes = { connectors: 'harbor', 'configuration.names': 'settings' };

describe('access that is withdrawn from a pod that runs', () => {
  let cluster: Cluster;
  let nowMs: number;
  let revoke: () => void;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    nowMs = 1_000_000;
    revoke = cluster.allow('harbor', 'ci/passing');
    const data = { header: 'Bearer {{ .context.token }}', plain: 'x' };
    cluster.put(connectorClass('oci', { configurations: [{ name: 'settings', data }] }));
  });

  const start = (flags: readonly string[]): Promise<InProcessDriver> =>
    cluster.readyDriver({ flags, monotonicNow: () => nowMs });
  const volumeOf = (name: string): TestVolume => cluster.node.volume({ name, serviceAccountName: 'passing' });
  const publish = (driver: InProcessDriver, volume: TestVolume): Promise<void> =>
    driver.kubelet.publishVolume(volume, { attributes });
  const failsRefresh = (driver: InProcessDriver, volume: TestVolume, message: RegExp): Promise<string> =>
    assertFails(publish(driver, volume), 'UNAVAILABLE', message);
  const conditionOf = async (driver: InProcessDriver, { volumeId, target }: TestVolume): Promise<string> => {
    const { volume_condition: condition } = await driver.kubelet.statistics({
      volume_id: volumeId,
      volume_path: target,
    });
    return `${condition?.abnormal === true ? 'abnormal' : 'normal'}: ${condition?.message ?? ''}`;
  };
  /** All answers about access are over. */
  const wait = (): void => {
    nowMs += 60_000;
  };
  const assertWithoutToken = (volume: TestVolume): void => {
    assert.deepEqual(volume.pathsWith(volume.token), []);
  };

  it('keeps the files, unless the operator wants otherwise', async () => {
    const driver = await start([]);
    const volume = volumeOf('a');
    await publish(driver, volume);
    const before = volume.read();
    revoke();
    wait();
    await failsRefresh(driver, volume, /^refresh failed, the mounted files are kept: PERMISSION_DENIED: /);
    assert.deepEqual(volume.read(), before);
  });

  it('leaves the reason alone in the volume, says so, and puts the files back when access returns', async () => {
    const driver = await start(remove);
    const volume = volumeOf('a');
    await publish(driver, volume);
    const before = volume.read();
    assert.equal(before['header'], `Bearer ${volume.token}`);
    revoke();
    wait();
    for (let round = 0; round < 2; round += 1) {
      await failsRefresh(
        driver,
        volume,
        /^refresh failed, the tokens were taken out of the mounted files: PERMISSION_DENIED: cannot use connector ci\/harbor: system:serviceaccount:ci:passing cannot get .*"harbor"/,
      );
    }
    const { '.error.json': reason = '', ...rest } = volume.read();
    assert.deepEqual(rest, {});
    assertWithoutToken(volume);
    assert.match(reason, /^\{"code":7,"message":"cannot use connector ci\/harbor: /);
    assert.match(
      await conditionOf(driver, volume),
      /^abnormal: the tokens were taken out of the files; refreshing has failed since .*: PERMISSION_DENIED: cannot use connector ci\/harbor: /,
    );
    assert.match(await driver.driver.metrics.text(), /volumes_failing_refresh\{code="PERMISSION_DENIED"\} 1/);

    cluster.allow('harbor', 'ci/passing');
    nowMs += 5000;
    await publish(driver, volume);
    assert.deepEqual(volume.read(), before);
    assert.equal(await conditionOf(driver, volume), 'normal: published and current');
  });

  for (const flags of [[], remove]) {
    it(`is told at once to the volumes that share the answer, with ${flags.join(' ') || 'the defaults'}`, async () => {
      const driver = await start(flags);
      const [first, second] = [volumeOf('a'), volumeOf('b')];
      await publish(driver, first);
      await publish(driver, second);
      // What was tried before the right came back says nothing of the next time.
      for (let time = 0; time < 2; time += 1) {
        revoke();
        wait();
        await failsRefresh(driver, first, /PERMISSION_DENIED/);
        await eventually('the other volume knows', async () =>
          (await conditionOf(driver, second)).includes(
            'PERMISSION_DENIED: cannot use connector ci/harbor: system:serviceaccount:ci:passing cannot get',
          ),
        );
        assert.equal(second.pathsWith(second.token).length > 0, flags.length === 0);
        revoke = cluster.allow('harbor', 'ci/passing');
        nowMs += 5000;
        await publish(driver, first);
        await publish(driver, second);
        assert.equal(second.read()['context.token'], second.token);
      }
    });
  }

  it('is nothing that an outage could be taken for', async () => {
    const driver = await start(remove);
    const volume = volumeOf('a');
    await publish(driver, volume);
    for (const effect of [
      { kind: 'status', code: 500, reason: 'InternalError', message: 'x' },
      { kind: 'status', code: 403, reason: 'Forbidden', message: 'the driver may not ask' },
    ] as const) {
      const fault = cluster.api.faults.add({ resource: 'subjectaccessreviews', effect });
      wait();
      // What is asked for is something new, so the answer is waited for.
      if (effect.code === 403) volume.renewToken();
      await publish(driver, volume).catch(() => undefined);
      assert.notEqual(volume.read()['context.token'], undefined, effect.reason);
      fault.remove();
    }
  });

  /** Publishes twice, with another token. @returns both: that of the replaced revision comes first. */
  const publishTwice = async (driver: InProcessDriver, volume: TestVolume): Promise<readonly string[]> => {
    const first = volume.token;
    await publish(driver, volume);
    const second = volume.renewToken();
    await publish(driver, volume);
    return [first, second];
  };
  const pathsWithAnyOf = (volume: TestVolume, tokens: readonly string[]): readonly string[] =>
    tokens.flatMap((token) => volume.pathsWith(token));

  it('leaves no earlier revision of the files, and readers what they have open', async () => {
    const driver = await start(remove);
    const volume = volumeOf('a');
    const tokens = await publishTwice(driver, volume);
    const revision = volume.revision();
    for (const token of tokens) assert.notDeepEqual(volume.pathsWith(token), []);
    const open = fs.openSync(path.join(volume.target, revision, 'context.token'), 'r');
    revoke();
    wait();
    await failsRefresh(driver, volume, /the tokens were taken out of the mounted files/);
    assert.deepEqual(pathsWithAnyOf(volume, tokens), []);
    assert.equal(fs.readFileSync(open, 'utf8'), volume.token);
    fs.closeSync(open);
  });

  it('leaves no earlier revision that another driver has written', async () => {
    const earlier = await start(remove);
    const volume = volumeOf('a');
    const tokens = await publishTwice(earlier, volume);
    await cluster.stopDriver(earlier);
    revoke();
    const driver = await start(remove);
    await failsRefresh(driver, volume, /the tokens were taken out of the mounted files/);
    assert.deepEqual(pathsWithAnyOf(volume, tokens), []);
  });

  it('is tried again when the earlier revision could not be removed, and until then not called done', async () => {
    let fails = false;
    const syscalls = wrapSyscalls(loadSyscalls(), (call, [, name]) =>
      fails && call === 'unlinkat' && name === 'context.token' ? -constants.errno.EIO : undefined,
    );
    const driver = await cluster.readyDriver({ flags: remove, monotonicNow: () => nowMs, syscalls });
    const volume = volumeOf('a');
    await publish(driver, volume);
    fails = true;
    revoke();
    wait();
    for (let round = 0; round < 2; round += 1) {
      await failsRefresh(driver, volume, /^refresh failed, the mounted files are kept: INTERNAL: /);
    }
    fails = false;
    await failsRefresh(driver, volume, /the tokens were taken out of the mounted files/);
    assertWithoutToken(volume);
  });

  it('leaves the reason alone in a volume that an earlier driver has mounted', async () => {
    const earlier = await start(remove);
    const volume = volumeOf('a');
    await publish(earlier, volume);
    const before = volume.read();
    await cluster.stopDriver(earlier);
    revoke();
    const driver = await start(remove);
    await failsRefresh(driver, volume, /the tokens were taken out of the mounted files: PERMISSION_DENIED/);
    const { '.error.json': reason = '', ...rest } = volume.read();
    assert.deepEqual(rest, {});
    assertWithoutToken(volume);
    assert.match(reason, /^\{"code":7,"message":"cannot use connector ci\/harbor: /);
    cluster.allow('harbor', 'ci/passing');
    nowMs += 5000;
    await publish(driver, volume);
    assert.deepEqual(volume.read(), before);
  });
});
