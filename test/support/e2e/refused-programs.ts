import path from 'node:path';

/** The tools that programs are refused at: a web server, and an image registry. */
interface RefusedTarget {
  /** `https://HOST:PORT` of the web server. */
  readonly web: string;
  /** `HOST:PORT` of the registry. */
  readonly registry: string;
  /** File with the CA that the program trusts, PEM; alone in its folder. */
  readonly caFile: string;
  /** A folder of the program's own. */
  readonly folder: string;
}

/** What a program that cannot get through shows of the reason. */
export type Shown =
  /** The proxy's sentence. */
  | 'sentence'
  /** What the sentence begins with, up to its first colon. */
  | 'reason'
  /** The status of the answer, as a number or in words. */
  | 'status'
  /** Neither. */
  | 'nothing';

export interface RefusedProgram {
  readonly program: string;
  /** A command that reads one thing from the tool, once, and says why not. */
  readonly script: (target: RefusedTarget) => string;
  /** Of the proxy's answer to CONNECT: that there is no token that counts, or no right. */
  readonly atConnect: Shown;
  /** Of an answer within the tunnel: what is wrong with the Connector. */
  readonly inTunnel: Shown;
}

const podmanStorage = (folder: string): string => `--root ${folder}/s --runroot ${folder}/r`;
const policy = (folder: string): string => `--signature-policy ${path.dirname(folder)}/policy.json`;

/** One row of "What programs show" in docs/dev/testing.md each; test/e2e/flow/refused-programs.test.ts proves them. */
export const refusedPrograms: readonly RefusedProgram[] = [
  {
    program: 'curl',
    script: ({ web, caFile }) => `curl -sSL --fail-with-body --cacert ${caFile} ${web}/page`,
    atConnect: 'status',
    inTunnel: 'sentence',
  },
  {
    program: 'wget',
    script: ({ web, caFile }) => `wget -O- --tries=1 --content-on-error --ca-certificate=${caFile} ${web}/page`,
    atConnect: 'reason',
    inTunnel: 'sentence',
  },
  {
    program: 'git',
    script: ({ web, caFile }) => `GIT_SSL_CAINFO=${caFile} GIT_TERMINAL_PROMPT=0 git ls-remote ${web}/app.git`,
    atConnect: 'status',
    inTunnel: 'sentence',
  },
  {
    program: 'npm',
    script: ({ web, caFile, folder }) =>
      `npm view thing version --registry ${web} --cafile ${caFile} --fetch-retries 0 --cache ${folder} --no-update-notifier`,
    atConnect: 'reason',
    inTunnel: 'reason',
  },
  {
    program: 'pip',
    // Debian's: older ones also show the reason within a tunnel.
    script: ({ web, caFile }) =>
      `PIP_CONFIG_FILE=/dev/null /usr/bin/python3 -m pip -vv index versions --disable-pip-version-check --no-cache-dir --retries 0 --cert ${caFile} --index-url ${web}/simple thing`,
    atConnect: 'reason',
    inTunnel: 'status',
  },
  {
    program: 'kubectl',
    script: ({ web, caFile }) =>
      `kubectl get --raw /page --token none --server ${web} --certificate-authority ${caFile} --kubeconfig /dev/null`,
    atConnect: 'reason',
    inTunnel: 'sentence',
  },
  {
    program: 'skopeo',
    script: ({ registry, caFile }) =>
      `skopeo inspect --raw --retry-times 0 --cert-dir ${path.dirname(caFile)} docker://${registry}/team/app:1`,
    atConnect: 'reason',
    inTunnel: 'reason',
  },
  {
    program: 'buildah',
    script: ({ registry, caFile, folder }) =>
      `buildah ${podmanStorage(folder)} pull -q --retry 0 ${policy(folder)} --cert-dir ${path.dirname(caFile)} docker://${registry}/team/app:1`,
    atConnect: 'reason',
    inTunnel: 'reason',
  },
  {
    program: 'podman',
    script: ({ registry, caFile, folder }) =>
      `podman ${podmanStorage(folder)} --cgroup-manager=cgroupfs pull -q --retry 0 ${policy(folder)} --cert-dir ${path.dirname(caFile)} docker://${registry}/team/app:1`,
    atConnect: 'reason',
    inTunnel: 'reason',
  },
  {
    program: 'oras',
    script: ({ registry, caFile }) => `oras manifest fetch --ca-file ${caFile} ${registry}/team/app:1`,
    atConnect: 'reason',
    inTunnel: 'status',
  },
];
