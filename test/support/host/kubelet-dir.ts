import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Syscalls } from '../../../src/driver/host/syscalls.ts';
import { VolumeMemory } from '../../../src/driver/publish/volume-memory.ts';
import { noLimitObserver } from '../../../src/shared/limits/limit-observer.ts';
import type { VolumeOwner } from '../../../src/driver/publish/volume-memory.ts';
import { TmpfsHost } from '../../../src/driver/host/tmpfs-host.ts';
import type { TmpfsHostOptions } from '../../../src/driver/host/tmpfs-host.ts';
import type { MountOptions, ReplacedFiles, VolumeChange, VolumeFile } from '../../../src/driver/publish/ports.ts';
import { mountsBelow, unmountBelow } from '../mounts.ts';

/** Bounds nothing. */
export const unlimited = new VolumeMemory({ limitBytes: undefined, reserveBytes: 0, observer: noLimitObserver });

/** The owner of a volume where it does not matter. */
export const somebody: VolumeOwner = { podUid: '1b4df7e6', pod: { namespace: 'ci', name: 'build' } };

/** A host whose volumes are somebody's. */
export class TestHost extends TmpfsHost {
  override put(
    targetPath: string,
    files: readonly VolumeFile[],
    options: MountOptions,
    owner: VolumeOwner = somebody,
    replaced: ReplacedFiles = 'kept',
  ): VolumeChange {
    return super.put(targetPath, files, options, owner, replaced);
  }
}

/** A kubelet's directory with one pod's volume waiting for a driver; `remove` unmounts all that is left in it. */
export class KubeletDir {
  readonly root = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'kubelet-')));
  readonly parent = path.join(this.root, 'pods/1b4df7e6/volumes/kubernetes.io~csi/connectors');
  readonly target = path.join(this.parent, 'mount');

  constructor() {
    fs.mkdirSync(this.parent, { recursive: true, mode: 0o755 });
    // The directory above is mkdtemp's 0700; processes with other ids are to get as far as the volume.
    fs.chmodSync(this.root, 0o755);
    fs.writeFileSync(path.join(this.parent, 'vol_data.json'), '{}');
  }

  host(syscalls: Syscalls, overrides: Partial<TmpfsHostOptions> = {}): TestHost {
    return new TestHost(
      {
        kubeletDir: this.root,
        pageBytes: 4096,
        hasSelinux: false,
        allowsPrivateMounts: true,
        memory: unlimited,
        clock: Date,
        random: Math.random,
        ...overrides,
      },
      syscalls,
    );
  }

  /** The mounts below the directory, as mountinfo lines. */
  mounts(): string[] {
    return mountsBelow(this.root);
  }

  /** What the volume's directory holds, hidden entries included. */
  entries(): string[] {
    return fs.readdirSync(this.target).sort();
  }

  remove(): void {
    unmountBelow(this.root);
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}

/** Files by name, as texts. */
export function filesOf(texts: Readonly<Record<string, string>>): VolumeFile[] {
  return Object.entries(texts).map(([name, text]) => ({ name, content: Buffer.from(text) }));
}

/** What a pod sees, by the names at the top. */
export function readVolume(target: string): Record<string, string> {
  const names = fs.readdirSync(target).filter((name) => !name.startsWith('..'));
  return Object.fromEntries(names.sort().map((name) => [name, fs.readFileSync(path.join(target, name), 'utf8')]));
}

/** Every path of the volume, hidden ones included, whose bytes hold the text. */
export function pathsWith(target: string, text: string): string[] {
  const paths = fs.readdirSync(target, { recursive: true, encoding: 'utf8' });
  return paths.filter((each) => {
    const file = path.join(target, each);
    return fs.lstatSync(file).isFile() && fs.readFileSync(file).includes(text);
  });
}

/**
 * How many descriptors this process has open, without those of event loops, which the host does not open, and of inotify,
 * of which it opens one: a thread that
 * an earlier test has ended closes its own later.
 */
export function openDescriptors(): number {
  return fs.readdirSync('/proc/self/fd').filter((descriptor) => !isOfEventLoop(`/proc/self/fd/${descriptor}`)).length;
}

/** How many inotify instances this process has open. */
export function inotifyInstances(): number {
  return fs.readdirSync('/proc/self/fd').filter((descriptor) => {
    const link = `/proc/self/fd/${descriptor}`;
    return fs.lstatSync(link, { throwIfNoEntry: false }) && fs.readlinkSync(link) === 'anon_inode:inotify';
  }).length;
}

function isOfEventLoop(link: string): boolean {
  try {
    return /^(?:pipe|socket):|^anon_inode:(?:inotify|\[(?:eventpoll|eventfd|io_uring)\])$/.test(fs.readlinkSync(link));
  } catch {
    // The one with which the directory was read.
    return true;
  }
}
