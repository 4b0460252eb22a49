import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The directories of a node that the installer writes to, in one folder. */
export class NodeDirectories {
  readonly root = realpathSync(mkdtempSync(path.join(tmpdir(), 'connectors-node-')));
  readonly providers = this.#make('providers');
  readonly containerd = this.#make('containerd');
  readonly crio = this.#make('crio');

  /** All three: a test that left one out would write to this machine. */
  get flags(): readonly string[] {
    return ['--provider-dir', this.providers, '--containerd-dir', this.containerd, '--crio-dir', this.crio];
  }

  at(...names: readonly string[]): string {
    return path.join(this.root, ...names);
  }

  read(...names: readonly string[]): string {
    return readFileSync(this.at(...names), 'utf8');
  }

  /** Whether the files of both runtimes end with a CA. */
  hasCa(certificates: string): boolean {
    const files = [this.containerd, this.crio].map((directory) => path.join(directory, 'connectors.local', 'ca.crt'));
    return files.every((file) => existsSync(file) && readFileSync(file, 'utf8').endsWith(certificates));
  }

  /** Everything in the three directories, as `mode path`; a file that is just being written may be left out. */
  list(): readonly string[] {
    return [this.providers, this.containerd, this.crio]
      .flatMap((directory) =>
        readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => path.join(directory, name)),
      )
      .flatMap((file) => {
        const found = statSync(file, { throwIfNoEntry: false });
        return found === undefined ? [] : [`${(found.mode & 0o7777).toString(8)} ${path.relative(this.root, file)}`];
      })
      .sort();
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #make(name: string): string {
    const directory = path.join(this.root, name);
    mkdirSync(directory);
    return directory;
  }
}
