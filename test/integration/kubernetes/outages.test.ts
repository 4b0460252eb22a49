import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { needsHelm } from '../../support/deploy/helm.ts';
import { removeInstallation } from '../../support/deploy/installation.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { configOf, connectors, testClient } from '../../support/kube-client/test-client.ts';
import type { PodVolume } from '../../support/kubelet/pod-volume.ts';
import type { ControlPlane } from '../../support/kubernetes/control-plane.ts';
import { InstalledPrograms } from '../../support/kubernetes/installed-programs.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';
import { eventually } from '../../support/poll.ts';
import { grant } from '../../support/proxy/manifests.ts';

const attributes = { connectors: 'registry', 'configuration.names': 'npmrc' };

type Act = (plane: ControlPlane) => unknown;

describe('a real API server that fails under both programs', function () {
  this.timeout(180_000);
  before(needsHelm);
  const plane = sharedControlPlane();
  let installed: InstalledPrograms;
  let volume: TestVolume;
  /** Keeps the connections of a program of the pod. */
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  before(async () => {
    const driverFlags = ['--http-address', '127.0.0.1:0'];
    installed = await InstalledPrograms.start(plane(), { driverFlags, callTimeoutMs: 3_000 });
    volume = await installed.createPod('build-1', attributes);
    installed.kubelet.run(volume, attributes);
    await installed.kubelet.untilAllPublished();
  });
  after(async () => {
    agent.destroy();
    // Absent where the suite was skipped.
    await (installed as InstalledPrograms | undefined)?.stop();
    await removeInstallation(plane());
  });

  const follows = (where: string): Promise<void> =>
    eventually(`the volume has ${where}`, () => volume.read()['.npmrc']?.includes(`/${where}/"\n`) === true);
  const get = (): Promise<string> => installed.get(volume, agent);
  async function works(): Promise<void> {
    let answer = '';
    await eventually(
      () => `a request succeeds: ${answer}`,
      async () => (answer = await get()) === '200 the content',
    );
  }
  /** Watches of a resource by the driver that the server has ended because it does not know their revision. */
  async function expired(resource: string): Promise<number> {
    const { body } = await installed.driver.http('/metrics');
    const labels = `resource="${resource}",reason="expired"`;
    return Number(new RegExp(`^connectors_csi_watch_restarts_total{${labels}} (\\d+)$`, 'm').exec(body)?.[1] ?? 0);
  }

  it('sends bookmarks, which a watch takes', async () => {
    const client = testClient(configOf(plane()));
    const list = await plane().admin.request({ path: '/apis/connectors.alauda.io/v1alpha1/connectors' });
    const { metadata } = JSON.parse(list.text) as { readonly metadata: { readonly resourceVersion: string } };
    const found: string[] = [];
    const options = {
      ...{ resourceVersion: metadata.resourceVersion, signal: AbortSignal.timeout(30_000) },
      // The server sends one 2 s before the end, if there was an event.
      timeoutSeconds: 4,
      onOpen: () => void installed.moveTo('/npm/first'),
    };
    for await (const { type, resourceVersion } of client.watch({ type: connectors }, {}, options))
      found.push(`${type} ${resourceVersion}`);
    const last = /^\w+ (\d+)$/.exec(found.findLast((event) => !event.startsWith('BOOKMARK')) ?? '')?.[1] ?? '';
    const [, bookmark = ''] = /^BOOKMARK (\d+)$/.exec(found.at(-1) ?? '') ?? [];
    assert.ok(BigInt(bookmark) >= BigInt(last), found.join());
  });

  it('answers 410 to watches from revisions that it has lost, after which both programs follow again', async () => {
    await installed.isJudged();
    await works();
    const before = await expired('connectors');
    await plane().killApiServer();
    await plane().compact();
    await plane().restartApiServer();
    await installed.moveTo('/npm/second');
    await follows('second');
    assert.ok((await expired('connectors')) > before);
    await installed.isJudged();
    await works();
  });

  const failure =
    /^14 UNAVAILABLE: asking the API server whether \S+ can get \S+ "registry" in namespace "ci" failed: the API server has not answered in time/;
  for (const [how, leave, comeBack, message] of [
    ['does not answer', (api) => api.pauseApiServer(), (api) => api.resumeApiServer(), /time$/],
    ['is away', (api) => api.killApiServer(), (api) => api.restartApiServer(), / \(connect ECONNREFUSED \S+\)$/],
  ] as const satisfies readonly (readonly [string, Act, Act, RegExp])[]) {
    it(`${how}: kept connections go on, new volumes get a clear error, and all recovers`, async () => {
      const account = how.replaceAll(' ', '-');
      await installed.put(
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'ci', name: account } },
        ...grant(account, ['registry']),
      );
      // Of an account about which nothing is in memory.
      const other = await installed.createPod(account, attributes, account);
      const files = volume.read();
      // The proxy remembers this decision for ten seconds.
      await works();
      await leave(plane());
      let pod: PodVolume | undefined;
      try {
        for (let round = 0; round < 5; round += 1) assert.equal(await get(), '200 the content');
        pod = installed.kubelet.run(other, attributes);
        await eventually('the publish fails', () => (pod?.events.length ?? 0) > 0);
        assert.match(pod.events[0] ?? '', failure);
        assert.match(pod.events[0] ?? '', message);
        assert.ok(!other.isMounted());
        assert.deepEqual(volume.read(), files);
      } finally {
        await comeBack(plane());
      }
      await installed.kubelet.untilAllPublishedAgain();
      await installed.moveTo(`/npm/${account}`);
      await follows(account);
      await installed.isJudged();
      await works();
      await installed.kubelet.end(pod);
    });
  }
});
