import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { DriverProcess } from '../driver/driver-process.ts';
import { connector, connectorClass } from '../driver/manifests.ts';
import { NodeSandbox } from '../driver/node-sandbox.ts';
import type { TestVolume } from '../driver/test-volume.ts';
import { CertificateAuthority } from '../tls/certificate-authority.ts';
import { run } from './programs.ts';
import type { Run } from './programs.ts';

/** Copies what a volume's links lead to. The Node of the lock file copies the links, also with `dereference`. */
export function copyFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  execFileSync('cp', ['-rL', `${from}/.`, to]);
}

/** The shells that `activate` supports, without the user's start files. */
export const shells: Readonly<Record<string, readonly string[]>> = {
  dash: ['dash'],
  'busybox ash': ['busybox', 'ash'],
  bash: ['bash', '--norc'],
  'bash as sh': ['bash', '--norc', '--posix'],
  mksh: ['mksh'],
  ksh93: ['ksh93'],
  zsh: ['zsh', '-f'],
};

const noProxy = 'localhost,127.0.0.1,::1';

/** Values that a shell would run, split or expand if it evaluated them. Some only as those of an integer or an array. */
const hostileValues: readonly string[] = [
  `$(touch pwned) \`touch pwned\` "' ; touch pwned # \\n $HOME ~ * {a,b} %s -n  `,
  ...['$(touch pwned)', '`touch pwned`', '"$(touch pwned)"', "'", '"', `'$(touch pwned)'`, '${x:=$(touch pwned)}'],
  ...['; touch pwned', '&& touch pwned', '| touch pwned', '& touch pwned', '>pwned', '<(touch pwned)', '(touch pwned)'],
  ...['a[$(touch pwned)]', 'path[$(touch pwned)]', '($(touch pwned))', '([$(touch pwned)]=1)', '((1))', '1+1', '0x10'],
  ...['-', '-n', '-e \\c', '--', '--help', '-p', '=', '=a=b', 'a=b', '=ls', '#', '# a', '!!', '!', '^a^b'],
  ...[
    '\\',
    '\\\\',
    'a\\',
    '\\0101',
    '\\c',
    '%s%n',
    '%',
    '~',
    '~root',
    'a:~',
    '~+',
    '*',
    '?',
    '[a-z]*',
    '{a,b}',
    '{1..3}',
  ],
  ...['$HOME', '$$', '$', '$@', '${IFS}', ' ', '  a  b  ', '\t', 'é ∑', '', 'x'.repeat(1000)],
];
const hostileVariables = Object.fromEntries(hostileValues.map((value, index) => [`TOOL_TEXT_${index}`, value]));

/** A driver with volumes for `activate`: with a class's variables, another one, and one whose proxy has no CA. */
export class ActivationFixture {
  readonly node: NodeSandbox;
  readonly authority: CertificateAuthority;
  readonly #driver: DriverProcess;

  private constructor(node: NodeSandbox, authority: CertificateAuthority, driver: DriverProcess) {
    this.node = node;
    this.authority = authority;
    this.#driver = driver;
  }

  static async start(): Promise<ActivationFixture> {
    const node = new NodeSandbox();
    const authority = new CertificateAuthority();
    const proxyUrl = 'http://proxy.example:8080';
    const variables = [
      '# of the class',
      'npm_config_userconfig=./settings',
      'MAVEN_ARGS=--settings=./settings',
      'TOOL_HOME=./',
      'TOOL_ABSENT=./absent',
      ...Object.keys(hostileVariables).map((name) => `${name}={{ .connector.metadata.annotations.${name} }}`),
      '',
    ];
    const data = { 'tool.environment': variables.join('\n'), settings: 'x', absent: '' };
    node.writeManifest('class.json', connectorClass('tool', { configurations: [{ name: 'tool', data }] }));
    const one = connector('one', { className: 'tool', proxyUrl, caCerts: authority.certificate });
    node.writeManifest(
      'connectors.json',
      { ...one, metadata: { namespace: 'ci', name: 'one', annotations: hostileVariables } },
      connector('two', { proxyUrl: 'https://[2001:db8::1]', caCerts: authority.certificate }),
      connector('plain', { proxyUrl }),
    );
    return new ActivationFixture(node, authority, await DriverProcess.start(node));
  }

  async volume(connectors: string, names = ''): Promise<TestVolume> {
    const volume = this.node.volume();
    const attributes = { connectors, 'configuration.names': names };
    await this.#driver.kubelet.publishVolume(volume, { attributes });
    return volume;
  }

  async stop(): Promise<void> {
    await this.#driver.stop();
    this.node.remove();
  }
}

/**
 * Runs a program as one of a pod that mounts volumes at these paths, and nowhere else. Volumes that it does not mount are
 * not among its mounts. Its environment has PATH alone.
 */
export function runInPod(
  mounts: Readonly<Record<string, TestVolume>>,
  words: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Run> {
  const pairs = Object.entries(mounts).flatMap(([directory, { target }]) => [target, directory]);
  const script = `
    while [ "$1" != -- ]; do
      mkdir -p "$2"
      mount --bind "$1" "$2"
      umount "$1"
      shift 2
    done
    shift
    exec "$@"`;
  return run(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh', ...pairs, '--', ...words],
    cwd,
    { HOME: undefined, ...env },
  );
}

/** The variables in a file that `env` wrote. */
export function variablesIn(file: string): Readonly<Record<string, string>> {
  const lines = readFileSync(file, 'utf8').replace(/\n$/, '').split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** The variables that the second environment has and the first has not, or with another value. */
export function addedTo(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  for (const name of Object.keys(before)) assert.ok(name in after, `${name} is unset`);
  const own = ['_', 'PWD', 'OLDPWD', 'SHLVL', 'LINENO', 'COLUMNS', 'LINES'];
  return Object.fromEntries(
    Object.entries(after).filter(([name, value]) => before[name] !== value && !own.includes(name)),
  );
}

export const bundleVariables = [
  ...['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'PIP_CERT', 'GIT_SSL_CAINFO', 'CARGO_HTTP_CAINFO'],
  ...['AWS_CA_BUNDLE', 'GIT_PROXY_SSL_CAINFO', 'npm_config_cafile', 'YARN_HTTPS_CA_FILE_PATH'],
];
/** Variables with the URL of the proxy. */
export const proxyVariables = [
  ...['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'YARN_HTTP_PROXY', 'YARN_HTTPS_PROXY'],
];

/** What `activate` exports for a volume with a CA, of the connector `one` with its configuration. */
export function expectedVariables(
  directory: string,
  proxy: string,
  bundle: string,
  system: string | undefined,
): Readonly<Record<string, string>> {
  const store = path.join(directory, 'truststore.p12');
  const options = [
    '-Dconnectors.activate=begin -Dhttp.proxyHost=proxy.example -Dhttp.proxyPort=8080',
    '-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=8080 -Dhttp.nonProxyHosts=localhost|127.0.0.1|[::1]|proxy.example',
    '-Djdk.http.auth.tunneling.disabledSchemes=',
    `-Djavax.net.ssl.trustStore=${store.includes(' ') ? `'${store}'` : store} -Djavax.net.ssl.trustStoreType=PKCS12`,
    '-Dconnectors.activate=end',
  ];
  return {
    CONNECTORS_DIR: directory,
    ...(system === undefined ? {} : { CONNECTORS_SYSTEM_CA: system }),
    ...Object.fromEntries(proxyVariables.map((name) => [name, proxy])),
    no_proxy: `${noProxy},proxy.example`,
    NO_PROXY: `${noProxy},proxy.example`,
    NODE_USE_ENV_PROXY: '1',
    ...Object.fromEntries(bundleVariables.map((name) => [name, bundle])),
    NODE_EXTRA_CA_CERTS: path.join(directory, 'ca.crt'),
    DENO_CERT: path.join(directory, 'ca.crt'),
    JAVA_TOOL_OPTIONS: options.join(' '),
  };
}

export const classVariables = (directory: string): Readonly<Record<string, string>> => ({
  npm_config_userconfig: path.join(directory, 'settings'),
  MAVEN_ARGS: `--settings=${directory}/settings`,
  TOOL_HOME: `${directory}/`,
  ...hostileVariables,
});
