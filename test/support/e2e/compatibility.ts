/** What a program is proven to do with a volume and the proxy. */
export interface Proof {
  readonly program: string;
  /** A command that prints a line with the version. */
  readonly version: string;
  /** Files of the volume that the program uses. */
  readonly files: string;
  /** A row of "Proxy modes" of docs/proxy.md. */
  readonly mode: 'forward' | 'intercepted' | 'reverse';
  /** What works, as a test shows. */
  readonly does: string;
}

/** One row of docs/compatibility.md each; a test of test/e2e/flow proves it. */
export const proofs = {
  curl: {
    program: 'curl',
    version: 'curl --version',
    files: '`.env`, `ca.crt`',
    mode: 'intercepted',
    does: 'downloads and uploads',
  },
  'curl-plain': {
    program: 'curl',
    version: 'curl --version',
    files: '`.env`',
    mode: 'forward',
    does: 'downloads by `http://` from an HTTPS tool',
  },
  'curl-file': {
    program: 'curl',
    version: 'curl --version',
    files: '`http.proxy`, `ca.crt`',
    mode: 'intercepted',
    does: 'downloads with `--proxy`',
  },
  'curl-reverse': {
    program: 'curl',
    version: 'curl --version',
    files: '`connector.status.proxyAddress`, `context.token`',
    mode: 'reverse',
    does: "downloads from the proxy's address",
  },
  'curl-websocket': {
    program: 'curl',
    version: 'curl --version',
    files: '`.env`, `ca.crt`',
    mode: 'intercepted',
    does: 'a websocket (`wss://`)',
  },
  wget: {
    program: 'wget',
    version: 'wget --version',
    files: '`.env`, `ca.crt`',
    mode: 'intercepted',
    does: 'downloads',
  },
  'git-env': {
    program: 'git',
    version: 'git --version',
    files: '`.env`, `ca.crt`',
    mode: 'intercepted',
    does: 'clones, fetches, pushes, also 32 MiB',
  },
  'git-reverse': {
    program: 'git',
    version: 'git --version',
    files: '`.gitconfig`',
    mode: 'reverse',
    does: 'clones and pushes, with nothing else set',
  },
  'git-forward': {
    program: 'git',
    version: 'git --version',
    files: '`.gitconfig` (`proxy: forward`), `ca.crt`',
    mode: 'intercepted',
    does: 'clones and pushes, with nothing else set',
  },
  npm: {
    program: 'npm',
    version: 'npm --version',
    files: '`.npmrc`',
    mode: 'intercepted',
    does: 'views, installs and publishes, with a token',
  },
  'pip-reverse': {
    program: 'pip',
    version: 'python3 -m pip --version',
    files: '`pip.conf`',
    mode: 'reverse',
    does: 'downloads',
  },
  'pip-forward': {
    program: 'pip',
    version: 'python3 -m pip --version',
    files: '`pip.conf` (`proxy: forward`), `ca.crt`',
    mode: 'intercepted',
    does: 'downloads',
  },
  maven: {
    program: 'Maven (Java)',
    version: 'java --version',
    files: '`settings.xml`, `ca.crt` in a trust store',
    mode: 'intercepted',
    does: 'downloads, with credentials after a 407',
  },
  kubectl: {
    program: 'kubectl',
    version: 'kubectl version --client',
    files: '`kubeconfig`',
    mode: 'intercepted',
    does: 'reads and watches another cluster',
  },
  buildah: {
    program: 'buildah',
    version: 'buildah --version',
    files: '`.env`, `ca.crt` in `--cert-dir`',
    mode: 'intercepted',
    does: 'builds, pushes, pulls; registry with a password',
  },
  'buildah-insecure': {
    program: 'buildah',
    version: 'buildah --version',
    files: '`.env`',
    mode: 'intercepted',
    does: '`--tls-verify=false`, registry with tokens',
  },
  skopeo: {
    program: 'skopeo',
    version: 'skopeo --version',
    files: '`.env` of two connectors, `ca.crt` in folders',
    mode: 'intercepted',
    does: 'copies from one registry to another',
  },
  'skopeo-reverse': {
    program: 'skopeo',
    version: 'skopeo --version',
    files: '`config.json`, `registries.conf`',
    mode: 'reverse',
    does: "inspects an image at the proxy's address",
  },
  'skopeo-docker-config': {
    program: 'skopeo',
    version: 'skopeo --version',
    files: '`config.json` in `DOCKER_CONFIG`',
    mode: 'reverse',
    does: 'pushes with `--dest-tls-verify=false`',
  },
  'buildah-docker-config': {
    program: 'buildah',
    version: 'buildah --version',
    files: '`config.json` in `DOCKER_CONFIG`',
    mode: 'reverse',
    does: 'pushes with `--tls-verify=false`',
  },
  'podman-docker-config': {
    program: 'podman',
    version: 'podman --version',
    files: '`config.json` in `DOCKER_CONFIG`',
    mode: 'reverse',
    does: 'pulls with `--tls-verify=false`',
  },
  podman: {
    program: 'podman',
    version: 'podman --version',
    files: '`.env`, `ca.crt` in `--cert-dir`',
    mode: 'intercepted',
    does: 'pulls and pushes, registry with tokens',
  },
  oras: {
    program: 'oras',
    version: 'oras version',
    files: '`.env`, `ca.crt` as `--ca-file`',
    mode: 'intercepted',
    does: 'pushes and pulls a layer of 1 GiB',
  },
  'oras-docker-config': {
    program: 'oras',
    version: 'oras version',
    files: '`config.json` in `DOCKER_CONFIG`',
    mode: 'reverse',
    does: 'reads a manifest with `--plain-http`',
  },
  cosign: {
    program: 'cosign',
    version: "dpkg-query --show --showformat '${Version}' cosign",
    files: '`.env`, `ca.crt` as `SSL_CERT_FILE`',
    mode: 'intercepted',
    does: 'signs and verifies an image',
  },
  'cosign-docker-config': {
    program: 'cosign',
    version: "dpkg-query --show --showformat '${Version}' cosign",
    files: '`config.json` in `DOCKER_CONFIG`',
    mode: 'reverse',
    does: "signs and verifies at the proxy's address",
  },
  'tekton-task': {
    program: 'Tekton Task `buildah`',
    version: 'buildah --version',
    files: '`.env`, `ca.crt`, `config.json`, `registries.conf`',
    mode: 'intercepted',
    does: 'builds from one registry, pushes to another',
  },
  'tekton-command': {
    program: 'Tekton TaskRun `buildah-cli`',
    version: 'buildah --version',
    files: '`activate`',
    mode: 'intercepted',
    does: 'its command builds and pushes',
  },
  'activate-curl': {
    program: 'curl',
    version: 'curl --version',
    files: '`activate`',
    mode: 'intercepted',
    does: 'downloads after one line',
  },
  'activate-urllib': {
    program: 'Python `urllib`',
    version: 'python3 --version',
    files: '`activate`',
    mode: 'intercepted',
    does: 'downloads after one line',
  },
  'activate-requests': {
    program: 'Python `requests`',
    version: "/usr/bin/python3 -c 'import requests; print(requests.__version__)'",
    files: '`activate`',
    mode: 'intercepted',
    does: 'downloads after one line',
  },
  'activate-perl': {
    program: 'Perl LWP',
    version: "perl -MLWP -e 'print $LWP::VERSION'",
    files: '`activate`',
    mode: 'intercepted',
    does: 'downloads after one line',
  },
  'activate-ruby': {
    program: 'Ruby `Net::HTTP`',
    version: 'ruby --version',
    files: '`activate`',
    mode: 'intercepted',
    does: 'downloads after one line',
  },
  'activate-wget': {
    program: 'wget (GnuTLS)',
    version: 'wget --version',
    files: '`activate`, `--ca-certificate`',
    mode: 'intercepted',
    does: 'downloads, certificates by option',
  },
  'activate-git': {
    program: 'git',
    version: 'git --version',
    files: '`activate`',
    mode: 'intercepted',
    does: 'clones and pushes after one line',
  },
  'activate-npm': {
    program: 'npm',
    version: 'npm --version',
    files: '`activate`, `npm.environment`',
    mode: 'intercepted',
    does: 'installs after one line',
  },
  'activate-pip': {
    program: 'pip',
    version: 'python3 -m pip --version',
    files: '`activate`, `pip.environment`',
    mode: 'reverse',
    does: 'downloads after one line',
  },
  'activate-twine': {
    program: 'twine',
    version: 'twine --version',
    files: '`activate`',
    mode: 'intercepted',
    does: 'uploads after one line',
  },
  'activate-maven': {
    program: 'Maven (Java)',
    version: 'java --version',
    files: '`activate`, `maven.environment`',
    mode: 'intercepted',
    does: 'downloads, trusting `truststore.p12`',
  },
  'activate-kubectl': {
    program: 'kubectl',
    version: 'kubectl version --client',
    files: '`activate`, `kubectl.environment`',
    mode: 'intercepted',
    does: 'reads another cluster after one line',
  },
  'activate-glab': {
    program: 'glab',
    version: 'glab --version',
    files: '`activate`, `glab.environment`',
    mode: 'intercepted',
    does: 'calls the API after one line',
  },
  'activate-skopeo': {
    program: 'skopeo',
    version: 'skopeo --version',
    files: '`activate`, `registry.environment`',
    mode: 'intercepted',
    does: 'copies to a registry after one line',
  },
  'activate-buildah': {
    program: 'buildah',
    version: 'buildah --version',
    files: '`activate`, `registry.environment`',
    mode: 'intercepted',
    does: 'builds, pushes and pulls after one line',
  },
  'activate-podman': {
    program: 'podman',
    version: 'podman --version',
    files: '`activate`, `registry.environment`',
    mode: 'intercepted',
    does: 'pulls after one line',
  },
  'activate-oras': {
    program: 'oras',
    version: 'oras version',
    files: '`activate`, `registry.environment`',
    mode: 'intercepted',
    does: 'pushes after one line',
  },
  'run-step': {
    program: 'buildah, `RUN` step',
    version: 'buildah --version',
    files: '`activate`, mounted into the build',
    mode: 'intercepted',
    does: 'npm and pip install, without a trace',
  },
} as const satisfies Readonly<Record<string, Proof>>;

/** The title of the test that proves a row. */
export function proven(key: keyof typeof proofs): [string] {
  const { program, files, mode, does }: Proof = proofs[key];
  return [`${program} ${does} (${files.replaceAll('`', '')}; ${mode})`];
}
