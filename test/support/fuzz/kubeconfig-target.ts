import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CodedError } from '../../../src/shared/errors.js';
import { kubeconfigConfig } from '../../../src/shared/kube/kubeconfig.js';
import { allows } from './allowed.js';
import { target } from './fuzz-run.js';
import type { FuzzTarget } from './fuzz-run.js';
import { mutatedText } from './mutations.js';

const kubeconfig = `apiVersion: v1
kind: Config
current-context: dev
contexts:
- name: dev
  context: {cluster: c, user: u, namespace: ci}
clusters:
- name: c
  cluster:
    server: https://api.example:6443/base
    certificate-authority-data: aGVsbG8=
    tls-server-name: api
users:
- name: u
  user: {token: abc.def, client-certificate-data: aGVsbG8=, client-key-data: aGVsbG8=}
`;

/** Kubeconfigs are read from a file, which is made in a folder of its own. */
export function kubeconfigTarget(): FuzzTarget {
  let folder = '';
  return target(
    'kubeconfigs',
    3,
    mutatedText([kubeconfig]),
    (text) => {
      if (folder === '') folder = mkdtempSync(path.join(tmpdir(), 'kubeconfig-'));
      const file = path.join(folder, 'config');
      writeFileSync(file, text);
      allows([CodedError], () => kubeconfigConfig(file, () => 0));
    },
    () => rmSync(folder, { recursive: true, force: true }),
  );
}
