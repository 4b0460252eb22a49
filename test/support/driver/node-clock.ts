import fs from 'node:fs';
import path from 'node:path';

/** Where Debian's libfaketime is; the loader puts the machine's library folder in. */
const library = 'faketime/libfaketimeMT.so.1';

/** Whether a clock can be had here. */
export function hasNodeClock(): boolean {
  return fs.readdirSync('/usr/lib').some((folder) => fs.existsSync(path.join('/usr/lib', folder, library)));
}

/**
 * The clock of a node that is not ours: processes with `env` see it in place of the machine's. As when an administrator
 * sets it, what counts time and not its passing (timeouts, monotonic clocks) goes on as before.
 */
export class NodeClock {
  readonly #file: string;

  /** @param folder for a file of its own. */
  constructor(folder: string) {
    this.#file = path.join(folder, 'clock');
    this.set(0);
  }

  get env(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: `/usr/$LIB/${library}`,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** From now on it is so many seconds ahead of the machine's; negative: behind. */
  set(aheadSeconds: number): void {
    fs.writeFileSync(`${this.#file}.new`, `${aheadSeconds < 0 ? '' : '+'}${aheadSeconds}s\n`);
    fs.renameSync(`${this.#file}.new`, this.#file);
  }
}
