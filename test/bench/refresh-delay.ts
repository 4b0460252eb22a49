// How long one tenant's edit takes to reach its mounted volume while another tenant's volumes are refreshed on change:
// `node --import tsx test/bench/refresh-delay.ts` after `npm run build`, as root, in a mount namespace of its own.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import type { JsonObject } from '../../src/shared/json.js';
import { Cluster } from '../support/driver/cluster.js';
import { DriverProcess } from '../support/driver/driver-process.js';
import { connector } from '../support/driver/manifests.js';
import type { TestVolume } from '../support/driver/test-volume.js';

const npm = parse(
  readFileSync(path.join(import.meta.dirname, '../../deploy/chart/files/classes/npm.yaml'), 'utf8'),
) as JsonObject;
const scopes = Array.from({ length: 2500 }, (_, n) => `@scope-${n}`);
const renders = { volumes: 24, deletedVolumes: 300, rounds: 5 };
const giveUpMs = 120_000;

/** A change of the other tenant's, made at once. */
type Disturb = (cluster: Cluster) => void;

async function measure(name: string, connectors: readonly string[], attributes: Attributes, inject: Disturb) {
  if (!name.includes(process.argv[2] ?? '')) return;
  const cluster = await Cluster.start();
  const driver = new DriverProcess(cluster.node, [
    ...cluster.processFlags(),
    '--log-level',
    'info',
    '--not-found-wait',
    '5s',
  ]);
  try {
    cluster.put(npm);
    const all = [...new Set(connectors)];
    for (const each of all) cluster.put(connector(each, { namespace: 'other', className: 'npm' }));
    cluster.allow(all, 'other/builder', 'other');
    await driver.kubelet.untilReady();
    const own = cluster.node.volume();
    await driver.kubelet.publish(own.publishRequest());
    for (const each of connectors) {
      const volume = cluster.node.volume({ namespace: 'other' });
      await driver.kubelet.publish(volume.publishRequest({ attributes: { ...attributes, connectors: each } }));
    }
    await sleep(5000);
    inject(cluster);
    await sleep(200);
    const delays: number[] = [];
    for (let round = 0; round < renders.rounds; round += 1) {
      delays.push(await delayOf(cluster, own, `http://edit-${round}.example`));
      await sleep(1500);
    }
    console.log(`${name}: ${delays.map((ms) => (ms / 1000).toFixed(2)).join(', ')} s`);
  } finally {
    await driver.stop();
    await cluster.stop();
  }
}

type Attributes = Readonly<Record<string, string>>;

async function delayOf(cluster: Cluster, volume: TestVolume, url: string): Promise<number> {
  cluster.put(connector('harbor', { proxyUrl: url }));
  const startMs = performance.now();
  while (volume.read()['connector.status.proxyAddress'] !== url) {
    if (performance.now() - startMs > giveUpMs) return Infinity;
    await sleep(5);
  }
  return performance.now() - startMs;
}

const numbered = Array.from({ length: renders.volumes }, (_, n) => `npm-${n}`);
const params = JSON.stringify({ npmrc: { scopes } });
const selected = { 'configuration.names': 'npmrc', 'configuration.params': params };

await measure('alone', [], {}, () => undefined);
await measure(
  `${renders.volumes} volumes of class npm with ${scopes.length} scopes, an edit of each`,
  numbered,
  selected,
  (cluster) => {
    for (const name of numbered) {
      cluster.put(connector(name, { namespace: 'other', className: 'npm', proxyUrl: 'http://edited.example' }));
    }
  },
);
await measure(
  `${renders.deletedVolumes} volumes of a connector that is deleted`,
  Array.from({ length: renders.deletedVolumes }, () => 'gone'),
  {},
  (cluster) => cluster.api.delete('connectors', { namespace: 'other', name: 'gone' }),
);
