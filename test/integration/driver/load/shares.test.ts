import assert from 'node:assert/strict';
import { Gate } from '../../../support/driver/gate.ts';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { KubeletClient, assertFails } from '../../../support/driver/kubelet-client.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { override } from '../../../support/override.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

/** What namespace evil asks for is never answered. */
describe('publishes of one pod or namespace too many', function () {
  // Hundreds of calls on a machine that may be busy.
  let node: NodeSandbox;
  let driver: InProcessDriver;
  let gate: Gate;
  /** For calls that are answered at once: one connection carries only so many at a time. */
  let kubelet: KubeletClient;

  const start = async (...flags: string[]): Promise<void> => {
    driver = started(
      await InProcessDriver.start(node, {
        flags,
        replace: ({ source }) => ({
          source: override(source, {
            resolve: async (refs, call) => {
              if (refs[0]?.name === 'slow') await call.releaseWhile(() => gate.pass(call.signal));
              return source.resolve([{ namespace: 'ci', name: 'harbor' }], call);
            },
          }),
        }),
      }),
    );
  };
  beforeEach(() => {
    node = started(new NodeSandbox());
    gate = new Gate();
    kubelet = new KubeletClient(node.socketPath, { shared: true });
  });
  afterEach(() => {
    gate.open();
    kubelet.close();
  });

  const slow = { attributes: { connectors: 'slow' } };
  const volumesOf = (identity: { readonly namespace: string; readonly uid: string }, count: number): TestVolume[] =>
    Array.from({ length: count }, (_, index) => node.volume({ ...identity, volumeName: `v${index}` }));
  const outcomeOf = (call: Promise<void>): Promise<string> =>
    call.then(
      () => 'OK',
      (error: unknown) => String(error),
    );
  const metric = async (name: string): Promise<string | undefined> =>
    (await driver.driver.metrics.text()).split('\n').find((line) => line.startsWith(`connectors_csi_${name}`));

  it('are refused at once, whatever they hold; others are served, and what was refused can be unpublished', async () => {
    await start();
    const volumes = volumesOf({ namespace: 'evil', uid: 'evil-1' }, 64);
    const unreadable = { ...slow, context: { 'connector.name': 'x'.repeat(1000), '': 'not even read' } };
    const waiting = volumes.slice(0, 32).map((volume) => outcomeOf(driver.kubelet.publishVolume(volume, slow)));
    await gate.untilWaiting(32);
    const refused = await Promise.all(
      volumes.slice(32).map((volume) => outcomeOf(kubelet.publishVolume(volume, unreadable))),
    );
    const message =
      /RESOURCE_EXHAUSTED: pod evil\/build-pod has 32 publishes in flight on this node already, and the limit of one pod is 32; the kubelet will retry$/;
    for (const outcome of refused) assert.match(outcome, message);
    assert.equal(await metric('limit_used{limit="publishes"}'), 'connectors_csi_limit_used{limit="publishes"} 32');
    assert.match((await metric('limit_rejections_total')) ?? '', /\{limit="publishes",scope="pod"\} 32$/);

    const other = node.volume();
    await kubelet.publishVolume(other);
    other.renewToken();
    await kubelet.publishVolume(other);
    assert.equal(other.read()['context.token'], other.token);
    await Promise.all(volumes.map((volume) => kubelet.unpublishVolume(volume)));
    for (const outcome of await Promise.all(waiting)) assert.match(outcome, /ABORTED/);
    assert.equal(await metric('limit_used{limit="publishes"}'), 'connectors_csi_limit_used{limit="publishes"} 0');
    const lines = driver.log.split('\n').filter((line) => line.includes('Rejected requests over limit'));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /"pod":"evil\/build-pod"/);
  });

  it('leave room for another namespace, and those beyond the share are told so', async () => {
    await start('--max-publishes-in-flight', '8', '--max-publishes-per-pod', '8');
    const theirs = volumesOf({ namespace: 'evil', uid: 'evil-1' }, 8).map((volume) =>
      outcomeOf(driver.kubelet.publishVolume(volume, slow)),
    );
    assert.match(
      await Promise.race(theirs),
      /RESOURCE_EXHAUSTED: namespace evil has 4 of the 8 publishes that this node takes at once, its share; the kubelet will retry$/,
    );
    await gate.untilWaiting(4);
    const mine = volumesOf({ namespace: 'ci', uid: 'ci-1' }, 5).map((volume) =>
      outcomeOf(driver.kubelet.publishVolume(volume, slow)),
    );
    assert.match(await Promise.race(mine), /RESOURCE_EXHAUSTED: namespace ci has 2 of the 8 publishes .*, its share;/);
    await gate.untilWaiting(6);
    await eventually('all others are rejected', async () =>
      ((await metric('limit_rejections_total')) ?? '').endsWith('{limit="publishes",scope="namespace"} 7'),
    );
    gate.open();
    const served = (outcomes: readonly string[]): number => outcomes.filter((outcome) => outcome === 'OK').length;
    assert.deepEqual([served(await Promise.all(theirs)), served(await Promise.all(mine))], [4, 2]);
  });

  it('do not keep a volume of the same pod from being refreshed once there is room, and its files stay meanwhile', async () => {
    await start('--max-publishes-per-pod', '4');
    const mounted = node.volume({ namespace: 'evil', uid: 'evil-1' });
    await kubelet.publishVolume(mounted);
    const token = mounted.token;
    const others = volumesOf({ namespace: 'evil', uid: 'evil-1' }, 4);
    const publishing = others.map((volume) => outcomeOf(driver.kubelet.publishVolume(volume, slow)));
    await gate.untilWaiting(4);
    mounted.renewToken();
    await assertFails(
      kubelet.publishVolume(mounted),
      'UNAVAILABLE',
      /^refresh failed, the mounted files are kept: RESOURCE_EXHAUSTED: pod evil\/build-pod has 4 publishes/,
    );
    assert.equal(mounted.read()['context.token'], token);
    await kubelet.unpublishVolume(others[0]!);
    await publishing[0];
    await eventually('a call has left', async () => ((await metric('limit_used')) ?? '').endsWith(' 3'));
    await kubelet.publishVolume(mounted);
    assert.equal(mounted.read()['context.token'], mounted.token);
  });
});
