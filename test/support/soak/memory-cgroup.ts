import fs from 'node:fs';
import path from 'node:path';

const root = '/sys/fs/cgroup/memory';

/** A memory cgroup (version 1) below our own, as the container of a pod has one. */
export class MemoryCgroup {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Undefined where none can be made, as in most containers. */
  static make(limitBytes: number): MemoryCgroup | undefined {
    try {
      const [, own = ''] = /^\d+:memory:(.*)$/m.exec(fs.readFileSync('/proc/self/cgroup', 'utf8')) ?? [];
      const directory = path.join(root, own, `driver-${process.pid}`);
      fs.mkdirSync(directory);
      fs.writeFileSync(path.join(directory, 'memory.limit_in_bytes'), String(limitBytes));
      return new MemoryCgroup(directory);
    } catch {
      return undefined;
    }
  }

  add(pid: number): void {
    fs.writeFileSync(path.join(this.#directory, 'cgroup.procs'), String(pid));
  }

  /** Words that make the program after them begin within it. */
  get entering(): readonly string[] {
    return ['sh', '-c', `echo $$ > '${path.join(this.#directory, 'cgroup.procs')}' && exec "$@"`, 'sh'];
  }

  /** The most that it ever held, the pages of volumes included. */
  get peakBytes(): number {
    return this.#number('memory.max_usage_in_bytes');
  }

  /** How often the limit was reached. */
  get limitHits(): number {
    return this.#number('memory.failcnt');
  }

  /** How often a process in it was killed for want of memory. */
  get kills(): number {
    return this.#statistic('memory.oom_control', 'oom_kill');
  }

  /** What stays when its processes end: pages of volumes, and what the kernel keeps of them. */
  get persistentBytes(): number {
    return this.#statistic('memory.stat', 'total_shmem') + this.#number('memory.kmem.usage_in_bytes');
  }

  /** To be called when its processes have ended and its volumes are gone. */
  remove(): void {
    fs.rmdirSync(this.#directory);
  }

  #statistic(file: string, name: string): number {
    const text = fs.readFileSync(path.join(this.#directory, file), 'utf8');
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  }

  #number(file: string): number {
    return Number(fs.readFileSync(path.join(this.#directory, file), 'utf8'));
  }
}
