import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const periodUs = 20_000;

/** A cgroup that limits CPU time, as the container of a pod with a CPU limit has one. Version 1 or 2, by root. */
export class CpuCgroup {
  readonly #directory: string;

  /** @param cores that its processes can use together. */
  constructor(name: string, cores: number) {
    const isVersion2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
    this.#directory = path.join(isVersion2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpu', `${name}-${process.pid}`);
    mkdirSync(this.#directory);
    const quotaUs = Math.round(cores * periodUs);
    const set = (file: string, value: string): void => writeFileSync(path.join(this.#directory, file), value);
    if (isVersion2) set('cpu.max', `${quotaUs} ${periodUs}`);
    else {
      set('cpu.cfs_period_us', String(periodUs));
      set('cpu.cfs_quota_us', String(quotaUs));
    }
  }

  /** Words that make the program after them begin within it. */
  get entering(): readonly string[] {
    return ['sh', '-c', `echo $$ > '${path.join(this.#directory, 'cgroup.procs')}' && exec "$@"`, 'sh'];
  }

  /** To be called when its processes have ended. */
  remove(): void {
    rmdirSync(this.#directory);
  }
}
