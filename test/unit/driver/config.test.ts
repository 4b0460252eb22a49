import assert from 'node:assert/strict';
import type { DriverConfig } from '../../../src/driver/config.ts';
import { parseServeConfig, serveFlags } from '../../../src/driver/config.ts';
import { UsageError, describeFlags } from '../../../src/shared/process/flags.ts';

const required = ['--node-name', 'node-1'];

function parse(args: readonly string[], env: Readonly<Record<string, string>> = {}): DriverConfig {
  return parseServeConfig([...required, ...args], env);
}

const defaults: DriverConfig = {
  endpoint: '/csi/csi.sock',
  'node-name': 'node-1',
  'driver-name': 'connectors-csi',
  'kubelet-dir': '/var/lib/kubelet',
  'registration-dir': '/var/lib/kubelet/plugins_registry',
  'kubelet-endpoint': '/var/lib/kubelet/plugins/connectors-csi/csi.sock',
  'http-address': { host: undefined, port: 9808 },
  'connector-source': 'kubernetes',
  manifests: undefined,
  kubeconfig: undefined,
  namespace: 'connectors-system',
  'token-audience': 'connectors-proxy',
  'allow-token-minting': false,
  'strict-token-expiration': false,
  'max-token-expiration': 86_400_000,
  'proxy-ca-file': undefined,
  'default-proxy-url': undefined,
  'no-proxy': 'localhost,127.0.0.1,::1',
  'approval-wait': 90_000,
  'refresh-on-change': true,
  'on-revoked': 'keep',
  'not-found-wait': 5_000,
  'max-watched-objects': 1000,
  'max-object-memory': 32 * 1024 * 1024,
  'max-concurrent-publishes': 4,
  'max-publishes-in-flight': 1024,
  'max-publishes-per-pod': 32,
  'memory-reserve': 160 * 1024 * 1024,
  'skip-propagation-check': false,
  'log-level': 'info',
};

type Name = keyof DriverConfig;

describe('the flags of serve', () => {
  it('have these defaults', () => assert.deepEqual({ ...parse([]) }, defaults));

  it('leave the API server of the cluster out of the proxy', () => {
    const inCluster = parse([], { KUBERNETES_SERVICE_HOST: '10.96.0.1' });
    assert.equal(inCluster['no-proxy'], 'localhost,127.0.0.1,::1,10.96.0.1,kubernetes.default.svc');
    assert.equal(parse(['--no-proxy', 'x'], { KUBERNETES_SERVICE_HOST: '10.96.0.1' })['no-proxy'], 'x');
    assert.throws(() => parse([], { KUBERNETES_SERVICE_HOST: '$(reboot)' }), UsageError);
  });

  it('give a frozen configuration', () => assert.ok(Object.isFrozen(parse([]))));

  it('let the defaults of one follow the values of others', () => {
    const config = parse(['--kubelet-dir', '/var/lib/k0s/kubelet', '--driver-name=csi.example']);
    assert.equal(config['registration-dir'], '/var/lib/k0s/kubelet/plugins_registry');
    assert.equal(config['kubelet-endpoint'], '/var/lib/k0s/kubelet/plugins/csi.example/csi.sock');
  });

  const values: readonly (readonly [Name, string, unknown])[] = [
    ['endpoint', 'unix:/run/x.sock', '/run/x.sock'],
    ['endpoint', '/run/x.sock', '/run/x.sock'],
    ['endpoint', `unix:///${'x'.repeat(106)}`, `/${'x'.repeat(106)}`],
    ['driver-name', 'x', 'x'],
    ['driver-name', `Csi-1.${'x'.repeat(57)}`, `Csi-1.${'x'.repeat(57)}`],
    ['kubelet-dir', '/k/', '/k'],
    ['kubelet-dir', '/', '/'],
    ['registration-dir', '/k/registry/', '/k/registry'],
    ['registration-dir', `/${'x'.repeat(82)}`, `/${'x'.repeat(82)}`],
    ['kubelet-endpoint', '/k/csi.sock', '/k/csi.sock'],
    ['http-address', '', undefined],
    ['http-address', '127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['http-address', '[::1]:9808', { host: '::1', port: 9808 }],
    ['kubeconfig', '/root/.kube/config', '/root/.kube/config'],
    ['namespace', 'elsewhere', 'elsewhere'],
    ['token-audience', 'https://proxy.example', 'https://proxy.example'],
    ['allow-token-minting', 'true', true],
    ['allow-token-minting', 'false', false],
    ['proxy-ca-file', '/etc/ca.pem', '/etc/ca.pem'],
    ['no-proxy', '', ''],
    ['no-proxy', '.svc,10.0.0.0/8', '.svc,10.0.0.0/8'],
    ['approval-wait', '1m30s', 90_000],
    ['not-found-wait', '0', 0],
    ['not-found-wait', '24h', 86_400_000],
    ['max-concurrent-publishes', '1', 1],
    ['max-watched-objects', '50', 50],
    ['max-object-memory', '8Mi', 8 * 2 ** 20],
    ['max-publishes-in-flight', '2000', 2000],
    ['max-publishes-per-pod', '1', 1],
    ['log-level', 'silent', 'silent'],
  ];
  for (const [name, written, value] of values) {
    it(`take --${name}=${written.slice(0, 30)}`, () => assert.deepEqual(parse([`--${name}=${written}`])[name], value));
  }

  it('take a switch without a value', () =>
    assert.equal(parse(['--allow-token-minting'])['allow-token-minting'], true));

  it('take a directory of manifests', () => {
    const config = parse(['--connector-source', 'directory', '--manifests', 'examples']);
    assert.deepEqual([config['connector-source'], config.manifests], ['directory', 'examples']);
  });

  for (const [name, written, problem] of [
    ['endpoint', 'tcp://127.0.0.1:1', 'must be unix:///ABSOLUTE/PATH'],
    ['endpoint', 'csi.sock', 'must be unix:///ABSOLUTE/PATH'],
    ['endpoint', '', 'must be unix:///ABSOLUTE/PATH'],
    ['endpoint', `/${'x'.repeat(107)}`, 'the socket path is longer than 107 bytes'],
    ['driver-name', '', 'must be at most 63 letters, digits, "-" and ".", with a letter or digit at both ends'],
    ['driver-name', 'x'.repeat(64), 'must be at most 63'],
    ['driver-name', '-x', 'must be at most 63'],
    ['driver-name', 'x.', 'must be at most 63'],
    ['driver-name', '../x', 'must be at most 63'],
    ['driver-name', 'a_b', 'must be at most 63'],
    ['driver-name', 'a\n', 'must be at most 63'],
    ['registration-dir', 'plugins_registry', 'must be an absolute path'],
    ['kubelet-dir', 'kubelet', 'must be an absolute path'],
    ['kubelet-endpoint', '', 'must be an absolute path'],
    ['http-address', '9808', 'must be HOST:PORT'],
    ['http-address', ':65536', 'must be HOST:PORT'],
    ['http-address', '::1:9808', 'must be HOST:PORT'],
    ['connector-source', 'etcd', 'must be one of kubernetes, directory'],
    ['namespace', ' ', 'must not be empty'],
    ['token-audience', '', 'must not be empty'],
    ['allow-token-minting', 'yes', 'must be one of true, false'],
    ['no-proxy', 'a b', 'only letters, digits'],
    ['no-proxy', '$(id)', 'only letters, digits'],
    ['approval-wait', '90', 'must be a Go duration'],
    ['approval-wait', '24h0m1s', 'must be at most 24h'],
    ['not-found-wait', '600h', 'must be at most 24h'],
    ['not-found-wait', '-1s', 'must be a Go duration'],
    ['max-object-memory', '99999Gi', 'must be at most'],
    ['max-concurrent-publishes', '0', 'must be a whole number'],
    ['max-concurrent-publishes', '1.5', 'must be a whole number'],
    ['max-publishes-in-flight', '0', 'must be a whole number'],
    ['max-publishes-per-pod', '-1', 'must be a whole number'],
    ['memory-reserve', '', 'must be a size'],
    ['log-level', 'loud', 'must be one of trace, debug, info, warn, error, silent'],
  ] as const) {
    it(`refuse --${name}=${written.slice(0, 20)}, and say what it takes`, () => {
      assert.throws(
        () => parse([`--${name}=${written}`]),
        (error: Error) =>
          error instanceof UsageError && error.message.startsWith(`--${name} ${JSON.stringify(written)}: ${problem}`),
      );
    });
  }

  for (const [what, args, message] of [
    ['an unknown flag', ['--nope'], /^unknown flag "--nope"$/],
    ['an unknown flag with a value', ['--nope', 'x'], /^unknown flag "--nope"$/],
    ['a misspelt flag', ['--kubelet-dirr', '/x'], /^unknown flag "--kubelet-dirr": did you mean "--kubelet-dir"\?$/],
    [
      'all mistakes',
      ['--kubelet-dirr', '/x', '--log-level=loud'],
      /^unknown flag "--kubelet-dirr": did you mean "--kubelet-dir"\?; --log-level "loud": must be one of /,
    ],
    ['a word that belongs to none', ['constructor'], /^unexpected argument "constructor"$/],
    ['a flag without its value', ['--manifests'], /^--manifests has no value: write --manifests DIR$/],
    [
      'a flag as the value of another',
      ['--manifests', '--nope'],
      /^--manifests has no value; one that begins with "-" is written --manifests=DIR$/,
    ],
    [
      'a value that looks like a flag',
      ['--approval-wait', '-5s'],
      /^--approval-wait has no value; one that begins with "-" is written --approval-wait=DURATION$/,
    ],
    ['the source directory without one', ['--connector-source=directory'], /needs --manifests DIR$/],
    [
      'a directory and a name that make too long a path for a socket',
      [`--registration-dir=/${'x'.repeat(83)}`],
      /^--registration-dir and --driver-name: the socket path \/x+\/connectors-csi-reg\.sock is longer than 107 bytes$/,
    ],
    [
      'a path for the kubelet that it cannot dial',
      [`--kubelet-endpoint=/${'x'.repeat(107)}`],
      /^--kubelet-endpoint: the socket path \/x+ is longer than 107 bytes$/,
    ],
    ['manifests that would go unused', ['--manifests=/m'], /^--manifests DIR needs --connector-source directory$/],
  ] as const) {
    it(`refuse ${what}`, () => assert.throws(() => parse(args), { name: 'UsageError', message }));
  }

  it('demand what has no default', () => {
    assert.throws(() => parseServeConfig([], {}), {
      name: 'UsageError',
      message: '--node-name NAME is required (or environment NODE_NAME)',
    });
  });

  const fromEnvironment: readonly (readonly [Name, string, string, unknown])[] = [
    ['endpoint', 'CSI_ENDPOINT', 'unix:///run/x.sock', '/run/x.sock'],
    ['node-name', 'NODE_NAME', 'node-2', 'node-2'],
    ['kubelet-dir', 'KUBELET_DIR', '/var/lib/k0s/kubelet', '/var/lib/k0s/kubelet'],
    ['kubeconfig', 'KUBECONFIG', '/k', '/k'],
    ['namespace', 'POD_NAMESPACE', 'elsewhere', 'elsewhere'],
  ];
  for (const [name, variable, written, value] of fromEnvironment) {
    it(`read --${name} from ${variable} when it is not given`, () => {
      const others = name === 'node-name' ? [] : required;
      assert.deepEqual(parseServeConfig(others, { [variable]: written })[name], value);
      assert.notDeepEqual(parseServeConfig([...required, `--${name}=/other`], { [variable]: written })[name], value);
    });
  }

  it('take an empty variable for one that is not set', () => {
    assert.equal(parse([], { POD_NAMESPACE: '' }).namespace, 'connectors-system');
  });

  it('read no other variable', () => {
    const named = Object.values(serveFlags).flatMap((flag: { readonly env?: string }) => flag.env ?? []);
    assert.deepEqual(
      named,
      fromEnvironment.map(([, variable]) => variable),
    );
  });
});

describe('the list of flags', () => {
  it('names each, with default and environment, in lines of a terminal', () => {
    const lines = describeFlags(serveFlags).split('\n');
    assert.deepEqual(
      lines.flatMap((line) => /^ {2}--([-a-z]+)/.exec(line)?.[1] ?? []),
      Object.keys(serveFlags),
    );
    assert.match(
      lines[0]!,
      /--endpoint URL +CSI socket \(default unix:\/\/\/csi\/csi\.sock, environment CSI_ENDPOINT\)$/,
    );
    assert.match(lines[1]!, /\(required, environment NODE_NAME\)$/);
    assert.ok(lines.every((line) => line.length <= 120));
  });
});
