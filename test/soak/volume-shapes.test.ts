import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { DriverProcess } from '../support/driver/driver-process.ts';
import { connectorClass } from '../support/driver/manifests.ts';
import { NodeSandbox } from '../support/driver/node-sandbox.ts';
import type { TestVolume } from '../support/driver/test-volume.ts';
import { MemoryCgroup } from '../support/soak/memory-cgroup.ts';

const MiB = 2 ** 20;
/** A third of what is deployed, so that a quarter as many volumes are enough. The process needs 70 to 90 MiB. */
const limitBytes = 192 * MiB;
const flags = ['--memory-reserve', '96Mi', '--log-level', 'info'];
/** Where no cgroup can be made nothing is rejected. */
const volumesWithoutLimit = 20;
const atOnce = 8;

const numbered = (count: number, template: (n: number) => string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`file-${n}`, template(n)]));

/** Configurations by what their volumes are like. All of their files change with the token. */
const shapes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'a hundred files': numbered(100, (n) => `${n} {{ .context.token }}`),
  'a hundred and twenty names of one file': numbered(120, () => '{{ .context.token }}'),
};

describe('as many volumes as the node takes', function () {
  this.timeout(600_000);
  let node: NodeSandbox;
  let driver: DriverProcess;
  let cgroup: MemoryCgroup | undefined;
  beforeEach(() => {
    node = new NodeSandbox();
    cgroup = MemoryCgroup.make(limitBytes);
  });
  afterEach(async () => {
    driver.kill();
    await driver.exited;
    node.remove();
    cgroup?.remove();
  });

  const start = async (): Promise<void> => {
    driver = new DriverProcess(node, flags, { MALLOC_ARENA_MAX: '1' }, cgroup?.entering ?? []);
    await driver.kubelet.untilReady();
  };
  const publish = (volume: TestVolume): Promise<void> =>
    driver.kubelet.publishVolume(volume, { attributes: { connectors: 'ci/harbor', 'configuration.names': 'shape' } });
  /** Each volume is of a pod and a namespace of its own. @returns those that were let in. */
  const publishUntilRejected = async (): Promise<readonly TestVolume[]> => {
    const volumes: TestVolume[] = [];
    let isFull = false;
    const fill = async (): Promise<void> => {
      while (!isFull && (cgroup !== undefined || volumes.length < volumesWithoutLimit)) {
        const volume = node.volume({ namespace: `team-${volumes.length}` });
        try {
          await publish(volume);
          volumes.push(volume);
        } catch (error) {
          assert.equal((error as ServiceError).code, status.RESOURCE_EXHAUSTED, String(error));
          isFull = true;
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, fill));
    return volumes;
  };
  /** What the kubelet does with every volume in time: a new token. */
  const refreshAll = async (volumes: readonly TestVolume[]): Promise<void> => {
    const rest = volumes.values();
    const refresh = async (): Promise<void> => {
      for (const volume of rest) {
        volume.renewToken();
        await publish(volume);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, refresh));
    for (const volume of volumes) assert.equal(volume.read()['context.token'], volume.token);
  };

  for (const [shape, data] of Object.entries(shapes)) {
    it(`are refreshed twice and survive a restart, each of ${shape}`, async () => {
      node.writeManifest('class-oci.json', connectorClass('oci', { configurations: [{ name: 'shape', data }] }));
      await start();
      const volumes = await publishUntilRejected();
      await refreshAll(volumes);
      await refreshAll(volumes);
      await driver.killed();
      await start();
      await refreshAll(volumes);
      assert.equal(cgroup?.kills ?? 0, 0);
      console.log(
        `      ${volumes.length} volumes; at most ${((cgroup?.peakBytes ?? 0) / MiB).toFixed(0)} MiB, of volumes ${((cgroup?.persistentBytes ?? 0) / MiB).toFixed(0)}`,
      );
    });
  }
});
