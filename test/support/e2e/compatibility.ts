/** What a program is proven to do with a volume and the proxy. */
export interface Proof {
  readonly program: string;
  /** Prints the version, a line with it at least. */
  readonly version: string;
  /** Of the volume. */
  readonly files: string;
  /** How it gets to the tool: a row of "Proxy modes" of docs/proxy.md. */
  readonly way: 'plain' | 'CONNECT' | 'reverse';
  /** What works, as a test shows. */
  readonly does: string;
}

/** One row of docs/compatibility.md each; a test of test/e2e/flow proves it. */
export const proofs = {
  curl: {
    program: 'curl',
    version: 'curl --version',
    files: '`.env`, `ca.crt`',
    way: 'CONNECT',
    does: 'downloads and uploads',
  },
  'curl-plain': {
    program: 'curl',
    version: 'curl --version',
    files: '`.env`',
    way: 'plain',
    does: 'downloads by `http://`, from a tool that speaks https',
  },
  'curl-file': {
    program: 'curl',
    version: 'curl --version',
    files: '`http.proxy`, `ca.crt`',
    way: 'CONNECT',
    does: 'downloads with `--proxy`',
  },
  'curl-reverse': {
    program: 'curl',
    version: 'curl --version',
    files: '`connector.status.proxyAddress`, `context.token`',
    way: 'reverse',
    does: 'downloads from the address of the proxy',
  },
  'curl-websocket': {
    program: 'curl',
    version: 'curl --version',
    files: '`.env`, `ca.crt`',
    way: 'CONNECT',
    does: 'a websocket (`wss://`)',
  },
  wget: { program: 'wget', version: 'wget --version', files: '`.env`, `ca.crt`', way: 'CONNECT', does: 'downloads' },
  'git-env': {
    program: 'git',
    version: 'git --version',
    files: '`.env`, `ca.crt`',
    way: 'CONNECT',
    does: 'clones, fetches, pushes, a pack of 32 MiB too',
  },
  'git-reverse': {
    program: 'git',
    version: 'git --version',
    files: '`.gitconfig`',
    way: 'reverse',
    does: 'clones and pushes, with nothing else set',
  },
  'git-forward': {
    program: 'git',
    version: 'git --version',
    files: '`.gitconfig` (`proxy: forward`), `ca.crt`',
    way: 'CONNECT',
    does: 'clones and pushes, with nothing else set',
  },
  npm: {
    program: 'npm',
    version: 'npm --version',
    files: '`.npmrc`',
    way: 'CONNECT',
    does: 'views, installs and publishes, at a registry that wants a token',
  },
  'pip-reverse': {
    program: 'pip',
    version: 'python3 -m pip --version',
    files: '`pip.conf`',
    way: 'reverse',
    does: 'downloads',
  },
  'pip-forward': {
    program: 'pip',
    version: 'python3 -m pip --version',
    files: '`pip.conf` (`proxy: forward`), `ca.crt`',
    way: 'CONNECT',
    does: 'downloads',
  },
  maven: {
    program: 'Maven (Java)',
    version: 'java --version',
    files: '`settings.xml`, `ca.crt` in a trust store',
    way: 'CONNECT',
    does: 'downloads, with the login shown after a 407',
  },
  kubectl: {
    program: 'kubectl',
    version: 'kubectl version --client',
    files: '`kubeconfig`',
    way: 'CONNECT',
    does: 'reads and watches another cluster',
  },
  buildah: {
    program: 'buildah',
    version: 'buildah --version',
    files: '`.env`, `ca.crt` in `--cert-dir`',
    way: 'CONNECT',
    does: 'builds, pushes and pulls, at a registry with a password',
  },
  'buildah-insecure': {
    program: 'buildah',
    version: 'buildah --version',
    files: '`.env`',
    way: 'CONNECT',
    does: 'builds and pushes with `--tls-verify=false`, at a registry with tokens',
  },
  skopeo: {
    program: 'skopeo',
    version: 'skopeo --version',
    files: '`.env` of two connectors, `ca.crt` in `--src-cert-dir` and `--dest-cert-dir`',
    way: 'CONNECT',
    does: 'copies from one registry to another',
  },
  'skopeo-reverse': {
    program: 'skopeo',
    version: 'skopeo --version',
    files: '`config.json`, `registries.conf`',
    way: 'reverse',
    does: 'inspects an image at the address of the proxy',
  },
  'skopeo-docker-config': {
    program: 'skopeo',
    version: 'skopeo --version',
    files: '`config.json` in `DOCKER_CONFIG`',
    way: 'reverse',
    does: 'pushes to the address of the proxy with `--dest-tls-verify=false`',
  },
  'buildah-docker-config': {
    program: 'buildah',
    version: 'buildah --version',
    files: '`config.json` in `DOCKER_CONFIG`',
    way: 'reverse',
    does: 'pushes to the address of the proxy with `--tls-verify=false`',
  },
  'podman-docker-config': {
    program: 'podman',
    version: 'podman --version',
    files: '`config.json` in `DOCKER_CONFIG`',
    way: 'reverse',
    does: 'pulls from the address of the proxy with `--tls-verify=false`',
  },
  podman: {
    program: 'podman',
    version: 'podman --version',
    files: '`.env`, `ca.crt` in `--cert-dir`',
    way: 'CONNECT',
    does: 'pulls and pushes, at a registry with tokens',
  },
  oras: {
    program: 'oras',
    version: 'oras version',
    files: '`.env`, `ca.crt` as `--ca-file`',
    way: 'CONNECT',
    does: 'pushes and pulls a layer of 1 GiB',
  },
  'oras-docker-config': {
    program: 'oras',
    version: 'oras version',
    files: '`config.json` in `DOCKER_CONFIG`',
    way: 'reverse',
    does: 'reads a manifest at the address of the proxy with `--plain-http`',
  },
  cosign: {
    program: 'cosign',
    version: "dpkg-query --show --showformat '${Version}' cosign",
    files: '`.env`, `ca.crt` as `SSL_CERT_FILE`',
    way: 'CONNECT',
    does: 'signs and verifies an image',
  },
  'cosign-docker-config': {
    program: 'cosign',
    version: "dpkg-query --show --showformat '${Version}' cosign",
    files: '`config.json` in `DOCKER_CONFIG`',
    way: 'reverse',
    does: 'signs and verifies an image at the address of the proxy',
  },
  'tekton-task': {
    program: 'Tekton Task `buildah` of deploy/examples',
    version: 'buildah --version',
    files: '`.env`, `ca.crt`, `config.json`, `registries.conf`',
    way: 'CONNECT',
    does: 'its `script` builds on a base image of one registry and pushes to another',
  },
  'tekton-command': {
    program: 'Tekton TaskRun `buildah-cli` of deploy/examples',
    version: 'buildah --version',
    files: '`.env`, `ca.crt`',
    way: 'CONNECT',
    does: 'its command builds and pushes',
  },
} as const satisfies Readonly<Record<string, Proof>>;

/** The title of the test that proves a row. */
export function proven(key: keyof typeof proofs): [string] {
  const { program, files, way, does }: Proof = proofs[key];
  return [`${program} ${does} (${files.replaceAll('`', '')}; ${way})`];
}
