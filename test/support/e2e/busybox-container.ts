import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Run } from './programs.ts';
import { run } from './programs.ts';

export interface ContainerOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Whether its root cannot be written to. */
  readonly isReadOnly?: boolean;
  /** Whether it has /dev/shm, which is never read-only; containers of Kubernetes have it. */
  readonly hasSharedMemory?: boolean;
  /** Whether it has /proc. */
  readonly hasProc?: boolean;
  /** Numeric. */
  readonly user?: number;
}

/** A container's root with a volume at /connectors and no program but busybox. It has nothing of the machine. */
export class BusyboxContainer {
  readonly root: string;
  readonly #target: string;

  /** @param target where the volume is mounted */
  constructor(root: string, target: string) {
    this.root = root;
    this.#target = target;
    for (const folder of ['bin', 'dev', 'proc', 'tmp', 'connectors'])
      fs.mkdirSync(path.join(root, folder), { recursive: true });
    fs.chmodSync(path.join(root, 'tmp'), 0o1777);
    fs.copyFileSync(this.#pathOf('busybox'), path.join(root, 'bin', 'busybox'));
    fs.chmodSync(path.join(root, 'bin', 'busybox'), 0o755);
    const applets = ['sh', 'ash', 'env', 'cat', 'sha256sum', 'mkdir', 'mktemp', 'mv', 'rm', 'id'];
    for (const applet of applets) fs.symlinkSync('busybox', path.join(root, 'bin', applet));
  }

  write(file: string, text: string): void {
    fs.mkdirSync(path.dirname(path.join(this.root, file)), { recursive: true });
    fs.writeFileSync(path.join(this.root, file), text);
  }

  read(file: string): string {
    return fs.readFileSync(path.join(this.root, file), 'utf8');
  }

  /** Copies a program of the machine into /bin, with the libraries that it is linked to. */
  addProgram(name: string): void {
    const file = this.#pathOf(name);
    const copy = (from: string, to: string): void => {
      fs.mkdirSync(path.dirname(path.join(this.root, to)), { recursive: true });
      fs.copyFileSync(from, path.join(this.root, to));
    };
    copy(file, `/bin/${name}`);
    const libraries = execFileSync('ldd', [file], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g) ?? [];
    for (const library of libraries) copy(library, library);
  }

  /** Runs a program in it. */
  run(words: readonly string[], options: ContainerOptions = {}): Promise<Run> {
    const { env = {}, isReadOnly = false, hasSharedMemory = false, hasProc = true, user = 0 } = options;
    const { root } = this;
    const enter = `
      mount --bind ${root} ${root}
      ${hasProc ? `mount --rbind /proc ${root}/proc` : ''}
      mount -t tmpfs dev ${root}/dev
      for device in null zero urandom; do touch ${root}/dev/$device; mount --bind /dev/$device ${root}/dev/$device; done
      ${hasSharedMemory ? `mkdir ${root}/dev/shm; mount -t tmpfs -o mode=1777 shm ${root}/dev/shm` : ''}
      mount -o remount,ro ${root}/dev
      mount --bind ${this.#target} ${root}/connectors
      ${isReadOnly ? `mount -o remount,bind,ro ${root}` : ''}
      exec chroot --userspec=${user}:${user} --groups= ${root} "$@"`;
    const inNamespace = ['--mount', '--propagation', 'private', 'sh', '-ec', enter, 'sh', ...words];
    return run('unshare', inNamespace, '/', { HOME: undefined, ...env });
  }

  #pathOf(program: string): string {
    return execFileSync('sh', ['-c', `readlink -f "$(command -v ${program})"`], { encoding: 'utf8' }).trim();
  }
}
