import { KubeletClient } from '../../support/driver/kubelet-client.ts';
import type { Connections } from './calls.ts';
import type { DeployedDriver } from './deployed-driver.ts';
import { cpuMsOf, withConfiguration } from './deployed-driver.ts';
import { rounded, timed } from './statistics.ts';

export const widths = [1, 20, 64] as const;

/** Publish and unpublish of new volumes, so many of them in flight. */
export interface CycleFigures {
  readonly inFlight: number;
  readonly noOpCallsPerSecond: number;
  readonly cyclesPerSecond: number;
  readonly withConfigurationPerSecond: number;
  /** Cycles to half the no-op calls: a cycle is two calls. */
  readonly ratio: number;
  /** The driver's processor time. */
  readonly cpuMsPerCycle: number;
}

export async function measureCycles(
  { node, driver }: DeployedDriver,
  how: Connections,
  inFlight: number,
  count: number,
): Promise<CycleFigures> {
  const client = new KubeletClient(node.socketPath, { shared: how === 'shared' });
  const cycle = async (attributes?: Readonly<Record<string, string>>): Promise<void> => {
    const volume = node.volume();
    await client.publishVolume(volume, attributes === undefined ? {} : { attributes });
    await client.unpublishVolume(volume);
  };
  const perSecond = async (times: number, work: () => Promise<unknown>): Promise<number> =>
    (times * 1000) / (await timed(() => inParallel(times, inFlight, work)));
  await perSecond(Math.ceil(count / 4), () => cycle());
  const noOpCallsPerSecond = await perSecond(2 * count, () => client.nodeCapabilities());
  const cpuBeforeMs = cpuMsOf(driver.pid);
  const cyclesPerSecond = await perSecond(count, () => cycle());
  const cpuMsPerCycle = (cpuMsOf(driver.pid) - cpuBeforeMs) / count;
  const withConfigurationPerSecond = await perSecond(count, () => cycle(withConfiguration));
  client.close();
  return {
    inFlight,
    noOpCallsPerSecond: rounded(noOpCallsPerSecond),
    cyclesPerSecond: rounded(cyclesPerSecond),
    withConfigurationPerSecond: rounded(withConfigurationPerSecond),
    ratio: rounded(cyclesPerSecond / (noOpCallsPerSecond / 2)),
    cpuMsPerCycle: rounded(cpuMsPerCycle),
  };
}

/** Does the work so many times, `width` at once. */
export async function inParallel(
  times: number,
  width: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
