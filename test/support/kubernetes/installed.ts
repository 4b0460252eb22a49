import { existsSync } from 'node:fs';
import path from 'node:path';

/** The folder with kube-apiserver and kube-controller-manager. Without it, they are looked for in the folders of PATH. */
const variable = 'KUBERNETES_PROGRAMS';
/** Debian's etcd-server has etcd, util-linux has setpriv. */
const needed = ['etcd', 'setpriv', 'kube-apiserver', 'kube-controller-manager'];

/** Returns the path of a program; undefined: it is not installed. */
export function programPath(name: string): string | undefined {
  const folders = [process.env[variable], ...(process.env['PATH'] ?? '').split(':')];
  return folders
    .filter((folder) => folder !== undefined && folder !== '')
    .map((folder) => path.join(folder!, name))
    .find(existsSync);
}

/** Skips a suite or test where a program of the control plane is missing. CI has all, and counts a skipped test as failed. */
export function needsKubernetes(this: Mocha.Context): void {
  const missing = needed.filter((name) => programPath(name) === undefined);
  if (missing.length === 0) return;
  console.log(`      skipped: neither in ${variable} nor in PATH: ${missing.join(', ')}`);
  this.skip();
}
