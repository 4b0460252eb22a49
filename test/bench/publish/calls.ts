import type { VolumeFile } from '../../../src/driver/publish/ports.ts';
import { KubeletClient } from '../../support/driver/kubelet-client.ts';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { DeployedDriver } from './deployed-driver.ts';
import { withConfiguration } from './deployed-driver.ts';
import { RawHost } from './raw-host.ts';
import type { Latency } from './statistics.ts';
import { latencyOf, timed } from './statistics.ts';

/** One connection for all calls, or one for each as the kubelet dials. */
export type Connections = 'shared' | 'fresh';

export const connections: readonly Connections[] = ['shared', 'fresh'];

/** What a round does, in this order; a slow moment of the machine meets all of them. */
export const operations = [
  'no-op call',
  'system calls of a publish',
  'system calls of an unpublish',
  'first publish',
  'publish, registry-config',
  'republish unchanged',
  'republish, new token',
  'unpublish',
] as const;

export type Operation = (typeof operations)[number];

export type CallFigures = Readonly<Record<Operation, Latency>>;

interface Rounds {
  readonly warmUp: number;
  readonly measured: number;
}

/** Times each operation once a round. */
export async function measureCalls(
  { node }: DeployedDriver,
  how: Connections,
  { warmUp, measured }: Rounds,
): Promise<CallFigures> {
  const client = new KubeletClient(node.socketPath, { shared: how === 'shared' });
  const raw = new RawHost(node);
  const steady = node.volume();
  await client.publishVolume(steady);
  const files = filesOf(steady.target);
  const samples = new Map(operations.map((operation) => [operation, [] as number[]]));
  for (let round = 0; round < warmUp + measured; round += 1) {
    const volume = node.volume();
    const configured = node.volume();
    const bare = node.volume();
    const steps: Readonly<Record<Operation, () => unknown>> = {
      'no-op call': () => client.nodeCapabilities(),
      'system calls of a publish': () => raw.put(bare, files),
      'system calls of an unpublish': () => raw.detach(bare),
      'first publish': () => client.publishVolume(volume),
      'publish, registry-config': () => client.publishVolume(configured, { attributes: withConfiguration }),
      'republish unchanged': () => client.publishVolume(steady),
      'republish, new token': () => {
        volume.renewToken();
        return client.publishVolume(volume);
      },
      unpublish: () => client.unpublishVolume(volume),
    };
    for (const operation of operations) {
      const tookMs = await timed(steps[operation]);
      if (round >= warmUp) samples.get(operation)?.push(tookMs);
    }
    await client.unpublishVolume(configured);
  }
  await client.unpublishVolume(steady);
  client.close();
  return Object.fromEntries(
    [...samples].map(([operation, list]) => [operation, latencyOf(list)]),
  ) as unknown as CallFigures;
}

function filesOf(target: string): VolumeFile[] {
  const names = readdirSync(target).filter((name) => !name.startsWith('..'));
  return names.map((name) => ({ name, content: readFileSync(path.join(target, name)) }));
}
