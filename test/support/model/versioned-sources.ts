import fs from 'node:fs';
import path from 'node:path';
import type { Cluster } from '../driver/cluster.ts';
import { flagsConfigMap } from '../driver/manifests.ts';
import { caBundle, classNames, classObject, connectorNames, connectorObject, sourceNames } from './sources.ts';
import type { ClassName, ConnectorName, SourceName, Versions } from './sources.ts';

/** The sources as they are now, in the test API server and in a CA file; each change gives one its next version. */
export class VersionedSources {
  readonly caFile: string;
  readonly #cluster: Cluster;
  readonly #versions = Object.fromEntries(sourceNames.map((name) => [name, 0])) as Record<SourceName, number>;
  readonly #absent = new Set<SourceName>();
  allowsSeveral = true;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.caFile = path.join(cluster.node.root, 'proxy-ca.pem');
    for (const name of connectorNames) cluster.allow(name);
    for (const name of sourceNames) this.edit(name);
  }

  get versions(): Versions {
    return { ...this.#versions };
  }

  exists(name: SourceName): boolean {
    return !this.#absent.has(name);
  }

  /** A new state of a source; one that was deleted is made again. */
  edit(name: SourceName): void {
    this.#absent.delete(name);
    const version = (this.#versions[name] += 1);
    if (name === 'ca') this.#writeCaFile(version);
    else if (isClass(name)) this.#cluster.put(classObject(name, version));
    else this.#cluster.put(connectorObject(name, version));
  }

  delete(name: ConnectorName | ClassName): void {
    if (!this.exists(name)) return;
    this.#absent.add(name);
    const resource = isClass(name) ? 'connectorclasses' : 'connectors';
    this.#cluster.api.delete(resource, isClass(name) ? { name } : { namespace: 'ci', name });
  }

  /** The flag without which a volume may have one connector only. */
  allowSeveral(allows: boolean): void {
    this.allowsSeveral = allows;
    this.#cluster.put(flagsConfigMap({ 'enable-multi-connector': String(allows) }));
  }

  /** Whatever was deleted or forbidden is there again. */
  restore(): void {
    for (const name of sourceNames) if (!this.exists(name)) this.edit(name);
    if (!this.allowsSeveral) this.allowSeveral(true);
  }

  /** As in a mounted ConfigMap, the file is replaced whole. */
  #writeCaFile(version: number): void {
    fs.writeFileSync(`${this.caFile}.new`, caBundle(version));
    fs.renameSync(`${this.caFile}.new`, this.caFile);
  }
}

export function isClass(name: SourceName): name is ClassName {
  return (classNames as readonly string[]).includes(name);
}
