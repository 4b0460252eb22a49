import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';

/** Written as the kubelet does: a reader sees the old content or the new, never half of one. */
export function replaceFile(file: string, content: string): void {
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

export interface KubeconfigParts {
  readonly server: string;
  readonly ca: string;
  readonly namespace?: string;
  /** Fields of the user entry. */
  readonly user: Readonly<Record<string, unknown>>;
}

/** A kubeconfig with one context named `test`. */
export function kubeconfigText({ server, ca, namespace, user }: KubeconfigParts): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [
      { name: 'test', context: { cluster: 'test', user: 'test', ...(namespace === undefined ? {} : { namespace }) } },
    ],
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: 'test', user }],
  });
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
