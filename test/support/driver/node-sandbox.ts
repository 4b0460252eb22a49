import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadSyscalls } from '../../../src/driver/host/linux-syscalls.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import { mountsBelow, unmountBelow } from '../mounts.ts';
import { connector, connectorClass } from './manifests.ts';
import type { VolumeIdentity } from './test-volume.ts';
import { TestVolume } from './test-volume.ts';

/** <linux/mount.h> */
const MS_BIND = 0x1000;
const MS_SHARED = 0x100000;

/**
 * The part of a node that a driver sees: a kubelet's directory, a place for the socket, and a directory of manifests,
 * in which connector ci/harbor of class oci exists from the start. `remove` unmounts all that is left in it.
 */
export class NodeSandbox {
  readonly root = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'node-')));
  readonly kubeletDir = path.join(this.root, 'kubelet');
  readonly socketPath = path.join(this.root, 'csi', 'csi.sock');
  readonly registryDir = path.join(this.root, 'registry');
  readonly manifestsDir = path.join(this.root, 'manifests');

  constructor() {
    // Programs with other user ids are to get as far as the volumes.
    fs.chmodSync(this.root, 0o755);
    fs.mkdirSync(path.join(this.kubeletDir, 'pods'), { recursive: true, mode: 0o755 });
    fs.mkdirSync(this.manifestsDir);
    fs.mkdirSync(this.registryDir);
    this.writeManifest('harbor.json', connector('harbor'));
    this.writeManifest('class-oci.json', connectorClass('oci'));
  }

  /** Flags for a driver on this node. */
  get flags(): string[] {
    return [
      ...['--endpoint', `unix://${this.socketPath}`, '--node-name', 'node-1', '--kubelet-dir', this.kubeletDir],
      ...['--connector-source', 'directory', '--manifests', this.manifestsDir],
      ...['--registration-dir', this.registryDir, '--http-address', '', '--not-found-wait', '0s'],
      // Nobody but the tests sees what is mounted here.
      '--skip-propagation-check',
    ];
  }

  /** A volume of a pod of its own, with the directories that the kubelet makes for it. */
  volume(identity: VolumeIdentity = {}): TestVolume {
    const volume = this.unpreparedVolume(identity);
    volume.prepare();
    return volume;
  }

  /** One for which the kubelet has not made its directories yet. */
  unpreparedVolume(identity: VolumeIdentity = {}): TestVolume {
    return new TestVolume(this.kubeletDir, identity);
  }

  /** Replaces the file whole, as editors and ConfigMap mounts do. */
  writeManifest(file: string, ...objects: readonly (JsonObject | string)[]): void {
    const text = objects
      .map((object) => (typeof object === 'string' ? object : JSON.stringify(object)))
      .join('\n---\n');
    const next = path.join(this.root, 'next-manifest');
    fs.writeFileSync(next, text);
    fs.renameSync(next, path.join(this.manifestsDir, file));
  }

  removeManifest(file: string): void {
    fs.rmSync(path.join(this.manifestsDir, file));
  }

  /**
   * Makes the directory one in which pods see what is mounted, as a node's is for its kubelet, so that a driver needs no
   * `--skip-propagation-check`.
   */
  share(): void {
    const syscalls = loadSyscalls();
    for (const flags of [MS_BIND, MS_SHARED]) {
      const result = syscalls.mount(this.root, this.root, '', flags, '');
      if (result < 0) throw new Error(`mount: errno ${-result}`);
    }
  }

  mounts(): string[] {
    return mountsBelow(`${this.root}/`);
  }

  remove(): void {
    unmountBelow(this.root);
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}
