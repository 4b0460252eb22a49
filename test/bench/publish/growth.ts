import { KubeletClient } from '../../support/driver/kubelet-client.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { memoryOf } from '../../support/process-state.ts';
import { inParallel } from './cycles.ts';
import type { DeployedDriver } from './deployed-driver.ts';
import { latencyOf, rounded, timed } from './statistics.ts';

export const mountedCounts = [10, 110, 1000, 5000] as const;

/** What a volume more costs with so many mounted, medians in milliseconds. */
export interface GrowthFigures {
  readonly mounted: number;
  readonly noOpCall: number;
  readonly firstPublish: number;
  readonly unpublish: number;
  readonly residentMb: number;
}

export async function measureGrowth({ node, driver }: DeployedDriver, samples: number): Promise<GrowthFigures[]> {
  const client = new KubeletClient(node.socketPath, { shared: true });
  const mounted: TestVolume[] = [];
  const figures: GrowthFigures[] = [];
  for (const count of mountedCounts) {
    await inParallel(count - mounted.length, 20, async () => {
      const volume = node.volume();
      mounted.push(volume);
      await client.publishVolume(volume);
    });
    const noOps: number[] = [];
    const first: number[] = [];
    const gone: number[] = [];
    for (let sample = 0; sample < samples; sample += 1) {
      const volume = node.volume();
      noOps.push(await timed(() => client.nodeCapabilities()));
      first.push(await timed(() => client.publishVolume(volume)));
      gone.push(await timed(() => client.unpublishVolume(volume)));
    }
    figures.push({
      mounted: count,
      noOpCall: latencyOf(noOps).p50,
      firstPublish: latencyOf(first).p50,
      unpublish: latencyOf(gone).p50,
      residentMb: rounded(memoryOf(driver.pid).nowBytes / 2 ** 20),
    });
  }
  await inParallel(mounted.length, 20, (index) => client.unpublishVolume(mounted[index]!));
  client.close();
  return figures;
}
