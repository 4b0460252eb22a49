/** What a program is proven to do with a volume and the proxy. */
export interface Proof {
  readonly program: string;
  /** A command that prints a line with the version. */
  readonly version: string;
  /** Files of the volume that the program uses, and configurations that the volume names. */
  readonly files: string;
  /** A row of "Proxy modes" of docs/proxy.md. */
  readonly mode: 'forward' | 'intercepted' | 'reverse';
  /** What works, as a test shows. */
  readonly does: string;
}

/** What a program is proven to do after the one line, and as a program of `activate`. */
export interface ActivatedProof extends Proof {
  /** Whether it also works if the proxy's address is `https://`. */
  readonly https: 'yes' | 'no';
}

/** Programs of several rows. */
const curl = { program: 'curl', version: 'curl --version' };
const wget = { program: 'wget (GnuTLS)', version: 'wget --version' };
const git = { program: 'git', version: 'git --version' };
const npm = { program: 'npm', version: 'npm --version' };
const pip = { program: 'pip', version: 'python3 -m pip --version' };
const maven = { program: 'Maven', version: '/usr/bin/mvn --version' };
const kubectl = { program: 'kubectl', version: 'kubectl version --client' };
const buildah = { program: 'buildah', version: 'buildah --version' };
const skopeo = { program: 'skopeo', version: 'skopeo --version' };
const podman = { program: 'podman', version: 'podman --version' };
const oras = { program: 'oras', version: 'oras version' };
const cosign = { program: 'cosign', version: "dpkg-query --show --showformat '${Version}' cosign" };
/** Files and mode that several rows share. */
const dockerConfig = { files: '`config.json` in `DOCKER_CONFIG`', mode: 'reverse' } as const;
const activated = { files: '`activate`', mode: 'intercepted' } as const;

/** One row of docs/compatibility.md each; a test of test/e2e/flow proves it. */
export const proofs = {
  curl: { ...curl, files: '`.env`, `ca.crt`', mode: 'intercepted', does: 'downloads and uploads' },
  'curl-plain': { ...curl, files: '`.env`', mode: 'forward', does: 'downloads by `http://` from an HTTPS tool' },
  'curl-file': { ...curl, files: '`http.proxy`, `ca.crt`', mode: 'intercepted', does: 'downloads with `--proxy`' },
  'curl-reverse': {
    ...curl,
    files: '`connector.status.proxyAddress`, `context.token`',
    mode: 'reverse',
    does: "downloads from the proxy's address",
  },
  'curl-websocket': { ...curl, files: '`.env`, `ca.crt`', mode: 'intercepted', does: 'a websocket (`wss://`)' },
  wget: { ...wget, files: '`.env`, `ca.crt`', mode: 'intercepted', does: 'downloads' },
  'git-env': { ...git, files: '`.env`, `ca.crt`', mode: 'intercepted', does: 'clones, fetches, pushes, also 32 MiB' },
  'git-reverse': { ...git, files: '`.gitconfig`', mode: 'reverse', does: 'clones and pushes' },
  'git-forward': {
    ...git,
    files: '`.gitconfig` (`proxy: forward`), `ca.crt`',
    mode: 'intercepted',
    does: 'clones and pushes',
  },
  npm: { ...npm, files: '`.npmrc`', mode: 'intercepted', does: 'views, installs, publishes, with a token' },
  'pip-reverse': { ...pip, files: '`pip.conf`', mode: 'reverse', does: 'downloads' },
  'pip-forward': { ...pip, files: '`pip.conf` (`proxy: forward`), `ca.crt`', mode: 'intercepted', does: 'downloads' },
  maven: { ...maven, files: '`settings.xml`, `ca.crt` in a trust store', mode: 'intercepted', does: 'downloads' },
  kubectl: { ...kubectl, files: '`kubeconfig`', mode: 'intercepted', does: 'reads and watches another cluster' },
  buildah: {
    ...buildah,
    files: '`.env`, `ca.crt` in `--cert-dir`',
    mode: 'intercepted',
    does: 'builds, pushes, pulls, with a password',
  },
  'buildah-insecure': { ...buildah, files: '`.env`', mode: 'intercepted', does: 'the same, with `--tls-verify=false`' },
  skopeo: {
    ...skopeo,
    files: '`.env` of two connectors, `ca.crt` in folders',
    mode: 'intercepted',
    does: 'copies from one registry to another',
  },
  'skopeo-reverse': {
    ...skopeo,
    files: '`config.json`, `registries.conf`',
    mode: 'reverse',
    does: "inspects an image at the proxy's address",
  },
  'skopeo-docker-config': { ...skopeo, ...dockerConfig, does: 'pushes with `--dest-tls-verify=false`' },
  'buildah-docker-config': { ...buildah, ...dockerConfig, does: 'pushes with `--tls-verify=false`' },
  'podman-docker-config': { ...podman, ...dockerConfig, does: 'pulls with `--tls-verify=false`' },
  podman: {
    ...podman,
    files: '`.env`, `ca.crt` in `--cert-dir`',
    mode: 'intercepted',
    does: 'pulls and pushes, registry with tokens',
  },
  oras: {
    ...oras,
    files: '`.env`, `ca.crt` as `--ca-file`',
    mode: 'intercepted',
    does: 'pushes and pulls a layer of 1 GiB',
  },
  'oras-docker-config': { ...oras, ...dockerConfig, does: 'reads a manifest with `--plain-http`' },
  cosign: {
    ...cosign,
    files: '`.env`, `ca.crt` as `SSL_CERT_FILE`',
    mode: 'intercepted',
    does: 'signs and verifies an image',
  },
  'cosign-docker-config': { ...cosign, ...dockerConfig, does: "signs and verifies at the proxy's address" },
  'tekton-task': {
    program: 'Tekton Task `buildah`',
    version: 'buildah --version',
    files: '`.env`, `ca.crt`',
    mode: 'intercepted',
    does: 'builds and pushes, with two registries',
  },
  'tekton-command': {
    program: 'Tekton TaskRun `buildah-cli`',
    version: 'buildah --version',
    files: '`activate`',
    mode: 'intercepted',
    does: 'its command builds and pushes',
  },
  'activate-curl': { ...curl, ...activated, https: 'no', does: 'downloads' },
  'activate-urllib': {
    program: 'Python `urllib`',
    version: 'python3 --version',
    ...activated,
    https: 'no',
    does: 'downloads',
  },
  'activate-requests': {
    program: 'Python `requests`',
    version: "/usr/bin/python3 -c 'import requests; print(requests.__version__)'",
    ...activated,
    https: 'yes',
    does: 'downloads',
  },
  'activate-perl': {
    program: 'Perl LWP',
    version: "perl -MLWP -e 'print $LWP::VERSION'",
    ...activated,
    https: 'no',
    does: 'downloads',
  },
  'activate-ruby': {
    program: 'Ruby `Net::HTTP`',
    version: 'ruby --version',
    ...activated,
    https: 'no',
    does: 'downloads',
  },
  'activate-wget': {
    ...wget,
    ...activated,
    files: '`activate`, `--ca-certificate`',
    https: 'no',
    does: 'downloads, certificates by option',
  },
  'activate-git': { ...git, ...activated, https: 'yes', does: 'clones and pushes' },
  'activate-npm': { ...npm, ...activated, files: '`activate`, _npmrc_', https: 'yes', does: 'installs' },
  'activate-pip': { ...pip, files: '`activate`, _pipconf_', mode: 'reverse', https: 'yes', does: 'downloads' },
  'activate-twine': { program: 'twine', version: 'twine --version', ...activated, https: 'yes', does: 'uploads' },
  'activate-maven': {
    ...maven,
    ...activated,
    files: '`activate`, _settings_',
    https: 'no',
    does: 'downloads, trusting `truststore.p12`',
  },
  'activate-kubectl': {
    ...kubectl,
    ...activated,
    files: '`activate`, _kubeconfig_',
    https: 'yes',
    does: 'reads another cluster',
  },
  'activate-glab': {
    program: 'glab',
    version: 'glab --version',
    ...activated,
    files: '`activate`, _gitlabconfig_',
    https: 'yes',
    does: 'calls the API',
  },
  'activate-skopeo': { ...skopeo, ...activated, https: 'yes', does: 'copies to a registry' },
  'activate-buildah': { ...buildah, ...activated, https: 'yes', does: 'builds, pushes and pulls' },
  'activate-podman': { ...podman, ...activated, https: 'yes', does: 'pulls' },
  'activate-oras': { ...oras, ...activated, https: 'yes', does: 'pushes' },
  'activate-helm': {
    program: 'Helm',
    version: '.ci/programs/tools/v35/helm/helm version --short',
    ...activated,
    https: 'yes',
    does: 'pushes and pulls a chart',
  },
  'activate-busybox': {
    program: 'BusyBox wget',
    version: 'busybox | head -n 1',
    files: '`activate`',
    mode: 'forward',
    https: 'yes',
    does: 'downloads by `http://` from an HTTPS tool',
  },
  'activate-pnpm-10': {
    program: 'pnpm 10',
    version: 'node .ci/programs/node_modules/pnpm/bin/pnpm.cjs --version',
    ...activated,
    files: '`activate`, _npmrc_',
    https: 'yes',
    does: 'installs',
  },
  'activate-pnpm': {
    program: 'pnpm',
    version: '.ci/programs/node_modules/@pnpm/exe.linux-*/pnpm --version',
    ...activated,
    files: '`activate`, _npmrc_',
    https: 'yes',
    does: 'installs',
  },
  'activate-yarn-1': {
    program: 'Yarn 1',
    version: 'node .ci/programs/node_modules/yarn/bin/yarn.js --version',
    ...activated,
    files: '`activate`, _npmrc_',
    https: 'no',
    does: 'installs',
  },
  'activate-yarn': {
    program: 'Yarn',
    version: 'node .ci/programs/node_modules/@yarnpkg/cli-dist/bin/yarn.js --version',
    ...activated,
    https: 'yes',
    does: 'installs, with `npmRegistryServer`',
  },
  'activate-deno': {
    program: 'Deno',
    version: '.ci/programs/node_modules/@deno/linux-*/deno --version',
    ...activated,
    https: 'yes',
    does: 'imports a module, and uses `fetch`',
  },
  'activate-go': {
    program: 'Go',
    version: '/usr/bin/go version',
    ...activated,
    https: 'yes',
    does: 'downloads a module from `GOPROXY`',
  },
  'activate-cargo': {
    program: 'cargo',
    version: '/usr/bin/cargo --version',
    ...activated,
    https: 'no',
    does: 'fetches a crate of a sparse registry',
  },
  'activate-gradle': {
    program: 'Gradle (Java)',
    version: '/usr/bin/gradle --version 2>/dev/null | grep ^Gradle',
    ...activated,
    files: '`activate`, an init script',
    https: 'no',
    does: 'downloads, trusting `truststore.p12`',
  },
  'activate-gh': {
    program: 'gh',
    version: 'gh --version',
    ...activated,
    files: '`activate`, _githubconfig_',
    https: 'yes',
    does: 'calls the API',
  },
  'activate-git-lfs': {
    program: 'Git LFS',
    version: 'git-lfs --version',
    ...activated,
    https: 'yes',
    does: 'downloads; rules `read-only` deny uploads',
  },
  'run-step': {
    program: 'buildah, `RUN` step',
    version: 'buildah --version',
    files: '`activate`, mounted into the build',
    mode: 'intercepted',
    does: 'npm and pip install, without a trace',
  },
} as const satisfies Readonly<Record<string, Proof | ActivatedProof>>;

export type ProofKey = keyof typeof proofs;

/** The title of the test that proves a row. */
export function proven(key: ProofKey): [string] {
  const { program, files, mode, does }: Proof = proofs[key];
  return [`${program} ${does} (${files.replaceAll('`', '')}; ${mode})`];
}
