import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asLine } from '../../../src/shared/doctor/check-result.ts';
import type { CheckResult } from '../../../src/shared/doctor/check-result.ts';
import { examineImagePulls } from '../../../src/image-pulls/doctor/node-doctor.ts';
import { installFiles } from '../../../src/image-pulls/apply-files.ts';
import { parseImagePullsConfig } from '../../../src/image-pulls/flags.ts';
import { nodeFilesOf } from '../../../src/image-pulls/node-files.ts';

/** A directory that plays the root of a node with the files for image pulls. */
export class PlayedNode {
  readonly root = realpathSync(mkdtempSync(path.join(tmpdir(), 'connectors-host-')));
  readonly #registry: string;
  readonly #directories: readonly string[];

  /** @param port of a proxy at 127.0.0.1 with TLS. @param ca of it in PEM. */
  constructor(port: number, ca: string, registry = 'connectors.local') {
    this.#registry = registry;
    const directories = ['/etc/connectors/bin', '/etc/containerd/certs.d', '/etc/containers/certs.d'];
    const [providers = '', containerd = '', crio = ''] = directories.map((directory) => this.at(directory));
    for (const directory of [providers, containerd, crio]) mkdirSync(directory, { recursive: true });
    this.#directories = ['--provider-dir', providers, '--containerd-dir', containerd, '--crio-dir', crio];
    const config = parseImagePullsConfig([...this.args, '--proxy-port', String(port)], {});
    const { problems } = installFiles(nodeFilesOf(config, { address: '127.0.0.1', ca }));
    if (problems[0] !== undefined) throw problems[0];
  }

  /** Path here of a path of the node. */
  at(place: string): string {
    return path.join(this.root, place);
  }

  read(place: string): string {
    return readFileSync(this.at(place), 'utf8');
  }

  write(place: string, text: string): void {
    mkdirSync(path.dirname(this.at(place)), { recursive: true });
    writeFileSync(this.at(place), text);
  }

  edit(place: string, from: string, to: string): void {
    const text = this.read(place);
    if (!text.includes(from)) throw new Error(`${place} has no ${from}`);
    this.write(place, text.replaceAll(from, to));
  }

  mode(place: string, mode: number): void {
    chmodSync(this.at(place), mode);
  }

  remove(place = '/'): void {
    rmSync(this.at(place), { recursive: true });
  }

  get args(): readonly string[] {
    return ['--registry', this.#registry, ...this.#directories];
  }

  examine(flags: readonly string[] = []): Promise<readonly CheckResult[]> {
    return examineImagePulls([...this.args, ...flags]);
  }

  /** Lines that are not ok, such as `fail script: …`. */
  async problems(...args: Parameters<PlayedNode['examine']>): Promise<readonly string[]> {
    const found = await this.examine(...args);
    return found
      .filter(({ level }) => level !== 'ok')
      .map((result) =>
        asLine(result)
          .trim()
          .replace(/^(\w+) +([-a-z]+) +/, '$1 $2: '),
      );
  }
}
