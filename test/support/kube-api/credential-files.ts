import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { CertificateAuthority } from '../tls/certificate-authority.ts';
import type { Identities } from './identities.ts';

/** Written as the kubelet does: a reader sees the old content or the new, never half of one. */
function replaceFile(file: string, content: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The files that a pod finds under /var/run/secrets/kubernetes.io/serviceaccount. */
export interface InClusterFiles {
  readonly folder: string;
  readonly caFile: string;
  readonly tokenFile: string;
  readonly namespaceFile: string;
  /** For KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. */
  readonly host: string;
  readonly port: string;
  /** Puts a new token of the same account into the token file; the old one still works unless it is revoked. */
  rotateToken(options?: { readonly revokeOld?: boolean }): void;
}

export function writeInClusterFiles(
  folder: string,
  authority: CertificateAuthority,
  identities: Identities,
  account: { readonly namespace: string; readonly name: string },
  port: number,
): InClusterFiles {
  const place = (name: string): string => path.join(folder, name);
  const files = { caFile: place('ca.crt'), tokenFile: place('token'), namespaceFile: place('namespace') };
  const newToken = (): string => identities.issueServiceAccount(account).token;
  let token = newToken();
  replaceFile(files.caFile, authority.certificate);
  replaceFile(files.namespaceFile, account.namespace);
  replaceFile(files.tokenFile, token);
  return {
    folder,
    ...files,
    host: '127.0.0.1',
    port: String(port),
    rotateToken: ({ revokeOld = false } = {}) => {
      const old = token;
      token = newToken();
      replaceFile(files.tokenFile, token);
      if (revokeOld) identities.revoke(old);
    },
  };
}

export interface KubeconfigUser {
  readonly name: string;
  readonly groups?: readonly string[];
  /** Of the context. */
  readonly namespace?: string;
}

interface KubeconfigParts {
  readonly server: string;
  readonly ca: string;
  /** Fields of the user entry. */
  readonly user: Readonly<Record<string, unknown>>;
}

/** A kubeconfig with one context named `test`. */
export function writeKubeconfig(file: string, { server, ca, user }: KubeconfigParts, namespace?: string): void {
  const context = { cluster: 'test', user: 'test', ...(namespace === undefined ? {} : { namespace }) };
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context }],
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: 'test', user }],
  });
  replaceFile(file, text);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
