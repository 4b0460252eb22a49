import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { JsonObject } from '../../../src/shared/json.ts';
import { Cluster } from '../../support/driver/cluster.ts';
import { driverUser } from '../../support/driver/driver-account.ts';
import { DriverProcess } from '../../support/driver/driver-process.ts';
import type { NodeSandbox } from '../../support/driver/node-sandbox.ts';

/** Where connectors come from. */
export type Source = 'kubernetes' | 'directory';

export const sources: readonly Source[] = ['kubernetes', 'directory'];

/** Attributes of a volume whose class renders the files of a container registry. */
export const withConfiguration = { connectors: 'harbor', 'configuration.names': 'registry-config' };

const root = path.join(import.meta.dirname, '..', '..', '..');
const ociClass = readFileSync(path.join(root, 'deploy/chart/files/classes/oci.yaml'), 'utf8');
const main = path.join(root, 'dist/main.js');
/** What the Dockerfile sets. */
const imageEnv = { NODE_ENV: 'production', MALLOC_ARENA_MAX: '1' };

/** The built driver as deploy/ runs it: log level info to a pipe that is read, the image's environment. */
export interface DeployedDriver {
  readonly node: NodeSandbox;
  readonly driver: DriverProcess;
  readonly stop: () => Promise<void>;
}

/** @param program the Node that runs it. */
export async function deployedDriver(source: Source, program: string): Promise<DeployedDriver> {
  const cluster = await Cluster.start();
  const { node, api } = cluster;
  node.writeManifest('class-oci.json', ociClass);
  cluster.put(parse(ociClass) as JsonObject);
  const kubeconfig = path.join(node.root, 'kubeconfig');
  api.writeKubeconfig(kubeconfig, { name: driverUser, groups: ['system:serviceaccounts'] });
  const ofSource =
    source === 'kubernetes' ? ['--connector-source', source, '--manifests', '', '--kubeconfig', kubeconfig] : [];
  const driver = new DriverProcess(node, ['--log-level', 'info', ...ofSource], imageEnv, [], [program, main]);
  await driver.kubelet.untilReady();
  return {
    node,
    driver,
    stop: async () => {
      await driver.stop();
      await cluster.stop();
    },
  };
}

/** Milliseconds of processor time that the process has used in all its threads; the kernel counts in steps of ten. */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
