import assert from 'node:assert/strict';
import fs from 'node:fs';
import { activateFile } from '../../../src/driver/content/built-in-files.ts';
import { proxyUrl } from '../driver/manifests.ts';
import type { NodeSandbox } from '../driver/node-sandbox.ts';
import type { TestKubelet } from './test-kubelet.ts';

/** The built-in files of a connector whose proxy has no CA bundle. */
const fileNames = ['.env', 'activate', 'connector.status.proxyAddress', 'context.token', 'http.proxy', 'https.proxy'];

/**
 * Asserts that the mount table has each pod's volume once and nothing else, and that each volume holds all its files,
 * made from the pod's current token and the connector's current address, in one revision and at most one old one.
 */
export function assertNodeIsCurrent(node: NodeSandbox, kubelet: TestKubelet, address = proxyUrl): void {
  const volumes = [...kubelet.pods].map((pod) => pod.volume);
  const mounted = node.mounts().map((line) => line.split(' ')[4]);
  assert.deepEqual(mounted.sort(), volumes.map(({ target }) => target).sort());
  const { protocol, host } = new URL(address);
  for (const volume of volumes) {
    const proxy = `${protocol}//ci%2Fharbor:${volume.token}@${host}`;
    assert.deepEqual(volume.read(), {
      '.env': `http_proxy=${proxy}\nhttps_proxy=${proxy}\nno_proxy=localhost,127.0.0.1,::1\n`,
      activate: activateFile({ volumeId: volume.volumeId, noProxy: 'localhost,127.0.0.1,::1' }),
      'connector.status.proxyAddress': address,
      'context.token': volume.token,
      'http.proxy': proxy,
      'https.proxy': proxy,
    });
    const hidden = fs.readdirSync(volume.target).filter((name) => !fileNames.includes(name));
    assert.ok(hidden.includes('..data') && hidden.length <= 3, hidden.join(' '));
    assert.ok(!hidden.includes('..data_tmp'));
    assert.deepEqual(volume.kubeletEntries(), ['mount', 'vol_data.json']);
  }
}

/** Asserts that no volume is mounted, and that nothing of any is left where the kubelet keeps them. */
export function assertNodeIsEmpty(node: NodeSandbox): void {
  assert.deepEqual(node.mounts(), []);
  const files = fs.readdirSync(`${node.kubeletDir}/pods`, { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    files.filter((file) => file.endsWith('mount') || file.endsWith('.json')),
    [],
  );
}
