import { loadSyscalls } from '../../../src/driver/host/linux-syscalls.js';
import { loadPageBytes } from '../../../src/driver/host/page-size.js';
import { TmpfsHost } from '../../../src/driver/host/tmpfs-host.js';
import type { VolumeFile } from '../../../src/driver/publish/ports.js';
import { VolumeMemory } from '../../../src/driver/publish/volume-memory.js';
import { noLimitObserver } from '../../../src/shared/limits/limit-observer.js';
import type { NodeSandbox } from '../../support/driver/node-sandbox.js';
import type { TestVolume } from '../../support/driver/test-volume.js';

/**
 * The system calls of a publish and of an unpublish in this process, without gRPC, use case or API: the part of a call
 * that the kernel takes.
 */
export class RawHost {
  readonly #host: TmpfsHost;

  constructor(node: NodeSandbox) {
    const pageBytes = loadPageBytes();
    this.#host = new TmpfsHost(
      {
        kubeletDir: node.kubeletDir,
        pageBytes,
        hasSelinux: false,
        allowsPrivateMounts: true,
        memory: new VolumeMemory({ limitBytes: undefined, reserveBytes: 0, observer: noLimitObserver }),
        clock: { now: () => Date.now() },
        random: Math.random,
      },
      loadSyscalls(),
    );
  }

  put(volume: TestVolume, files: readonly VolumeFile[]): void {
    this.#host.put(volume.target, files, {}, { podUid: volume.pod.uid, pod: volume.pod }, 'kept');
  }

  async detach(volume: TestVolume): Promise<void> {
    await this.#host.detach(volume.target);
  }
}
