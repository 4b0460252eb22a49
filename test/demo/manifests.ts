import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Document } from 'yaml';
import type { TokenOwner } from '../support/driver/tokens.ts';
import { registryCredential } from './registry.ts';

const rbacVersion = 'rbac.authorization.k8s.io/v1';

/** The manifests of the demo's driver and proxy: the project's, with the addresses of the demo's proxy and registry. */
export class Manifests {
  readonly directory: string;

  /** @param directory to create. */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory);
  }

  /** Writes the objects that only the proxy needs: the password, the registry's CA, and permissions. */
  writeForProxy({ namespace, serviceAccountName }: TokenOwner, registryAuthority: string): void {
    const rules = [{ apiGroups: ['connectors.alauda.io'], resources: ['connectors'], verbs: ['get'] }];
    const roleName = 'use-connectors';
    this.#write('access.yaml', [
      secret('harbor-login', 'kubernetes.io/basic-auth', registryCredential),
      secret('harbor-ca', 'Opaque', { 'ca.crt': registryAuthority }),
      { apiVersion: rbacVersion, kind: 'Role', metadata: { namespace: 'ci', name: roleName }, rules },
      {
        apiVersion: rbacVersion,
        kind: 'RoleBinding',
        metadata: { namespace: 'ci', name: roleName },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: roleName },
        subjects: [{ kind: 'ServiceAccount', name: serviceAccountName, namespace }],
      },
    ]);
  }

  /** Copies the files of a directory, with the demo's addresses and CA, like the proxy's controller. */
  writeConnectors(from: string, proxy: { readonly port: number; readonly ca: string }, registry: string): void {
    for (const file of readdirSync(from)) {
      const documents = parseAllDocuments(readFileSync(path.join(from, file), 'utf8'));
      for (const document of documents) lead(document, proxy, registry);
      writeFileSync(path.join(this.directory, file), documents.join('---\n'));
    }
  }

  #write(file: string, objects: readonly object[]): void {
    // JSON is YAML.
    writeFileSync(path.join(this.directory, file), objects.map((object) => JSON.stringify(object)).join('\n---\n'));
  }
}

function lead(
  document: Document,
  { port, ca }: { readonly port: number; readonly ca: string },
  registry: string,
): void {
  const address = ['status', 'proxy', 'httpAddress'];
  if (!document.hasIn(address)) return;
  const { pathname } = new URL(String(document.getIn([...address, 'url'])));
  document.setIn([...address, 'url'], `http://127.0.0.1:${port}${pathname.replace(/\/$/, '')}`);
  document.setIn([...address, 'CACerts'], ca);
  if (document.getIn(['metadata', 'name']) !== 'harbor') return;
  document.setIn(['spec', 'address'], registry);
  document.setIn(['spec', 'caCertSecretRef'], { name: 'harbor-ca' });
}

function secret(name: string, type: string, stringData: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'ci', name }, type, stringData };
}
