import { loadPageBytes, loadSyscalls } from '../../../src/driver/host/linux-syscalls.ts';
import { TmpfsHost } from '../../../src/driver/host/tmpfs-host.ts';
import type { VolumeFile } from '../../../src/driver/publish/ports.ts';
import { VolumeMemory } from '../../../src/driver/publish/volume-memory.ts';
import { noLimitObserver } from '../../../src/shared/limits/limit-observer.ts';
import type { NodeSandbox } from '../../support/driver/node-sandbox.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';

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
