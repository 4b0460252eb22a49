import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Document } from 'yaml';
import type { TokenOwner } from '../support/driver/tokens.ts';
import { grant, secret } from '../support/proxy/manifests.ts';
import { registryCredential } from './registry.ts';

/** The manifests of a directory, with the addresses of the demo's proxy and registry. */
export class Manifests {
  readonly #files: ReadonlyMap<string, readonly Document[]>;

  /** @param registry address of the registry. */
  constructor(from: string, registry: string) {
    this.#files = new Map(
      readdirSync(from).map((file) => [file, parseAllDocuments(readFileSync(path.join(from, file), 'utf8'))]),
    );
    for (const document of this.#documents) {
      if (document.getIn(['metadata', 'name']) !== 'harbor' || document.get('kind') !== 'Connector') continue;
      document.setIn(['spec', 'address'], registry);
      document.setIn(['spec', 'caCertSecretRef'], { name: 'harbor-ca' });
    }
  }

  /** The objects in them. */
  get objects(): readonly object[] {
    return this.#documents.map((document) => document.toJS() as object);
  }

  /** Writes them to a new directory, with the proxy's address and CA in statuses, as its controller does. */
  write(directory: string, { port, ca }: { readonly port: number; readonly ca: string }): void {
    const address = ['status', 'proxy', 'httpAddress'];
    for (const document of this.#documents) {
      if (!document.hasIn(address)) continue;
      const { pathname } = new URL(String(document.getIn([...address, 'url'])));
      document.setIn([...address, 'url'], `http://127.0.0.1:${port}${pathname.replace(/\/$/, '')}`);
      document.setIn([...address, 'CACerts'], ca);
    }
    mkdirSync(directory);
    for (const [file, documents] of this.#files) {
      writeFileSync(path.join(directory, file), documents.join('---\n'));
    }
  }

  get #documents(): readonly Document[] {
    return [...this.#files.values()].flat();
  }
}

/** Returns the objects that only the proxy needs: the password, the registry's CA, and permissions. */
export function objectsForProxy({ serviceAccountName }: TokenOwner, registryAuthority: string): readonly object[] {
  return [
    secret('harbor-login', 'kubernetes.io/basic-auth', registryCredential),
    secret('harbor-ca', 'Opaque', { 'ca.crt': registryAuthority }),
    ...grant(serviceAccountName, ['harbor', 'github']),
  ];
}
