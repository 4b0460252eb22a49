import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { limits } from '../../../src/shared/limits/defaults.ts';
import { ProxyProcess } from '../e2e/proxy-process.ts';
import type { ProxyProcessOptions } from '../e2e/proxy-process.ts';
import { connectorClass } from './manifests.ts';
import { TokenKeys } from './keys.ts';
import { toolCa } from './tool-server.ts';

/** Replicas of the built proxy as processes over the same manifests. */
export class ProcessFixture {
  readonly keys = new TokenKeys();
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'connectors-proxies-'));
  readonly #replicas: ProxyProcess[] = [];

  static async start(objects: readonly object[]): Promise<ProcessFixture> {
    const fixture = new ProcessFixture();
    const all = [connectorClass(), toolCa, ...objects];
    mkdirSync(fixture.#file('manifests'));
    mkdirSync(fixture.#file('ca'));
    const files = [''];
    for (const text of all.map((object) => `---\n${stringify(object)}`)) {
      if ((files.at(-1) ?? '').length + text.length > limits.yaml.characters) files.push('');
      files.push(`${files.pop() ?? ''}${text}`);
    }
    for (const [at, text] of files.entries()) writeFileSync(fixture.#file(`manifests/objects-${at}.yaml`), text);
    writeFileSync(fixture.#file('jwks.json'), await fixture.keys.jwks());
    return fixture;
  }

  /** @param hosts names that it alone finds. @param place its environment, and words that make it begin somewhere. */
  async replica(
    hosts: readonly string[],
    flags: readonly string[] = [],
    place: Pick<ProxyProcessOptions, 'env' | 'entering' | 'main' | 'nameServer'> = {},
  ): Promise<ProxyProcess> {
    const directory = this.#file(`replica-${this.#replicas.length}`);
    mkdirSync(directory);
    const proxy = await ProxyProcess.start({
      directory,
      ...place,
      hosts,
      flags: [
        ...['--connector-source', 'directory', '--manifests', this.#file('manifests')],
        ...['--jwks-file', this.#file('jwks.json'), '--ca-dir', this.#file('ca'), ...flags],
      ],
    });
    this.#replicas.push(proxy);
    return proxy;
  }

  /** Of the replicas' CA, PEM; there once one has started. */
  get authority(): string {
    return readFileSync(this.#file('ca/tls.crt'), 'utf8');
  }

  async stop(): Promise<void> {
    for (const replica of this.#replicas) await replica.stop();
    rmSync(this.#directory, { recursive: true });
  }

  #file(name: string): string {
    return path.join(this.#directory, name);
  }
}
