import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { CodedError } from '../../../../src/shared/errors.ts';
import type { ErrorCode } from '../../../../src/shared/errors.ts';
import { inClusterConfig } from '../../../../src/shared/kube/load-cluster-config.ts';
import { kubeconfigConfig } from '../../../../src/shared/kube/kubeconfig.ts';

const now = (): number => 0;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'kube-config-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const place = path.join(folder, name);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, content);
  return place;
}

function failure(action: () => unknown): { readonly code: ErrorCode; readonly message: string } {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof CodedError, String(error));
    return { code: error.code, message: error.message.replaceAll(folder, 'DIR') };
  }
  throw new Error('it did not fail');
}

describe('the in-cluster configuration', () => {
  it('is what every pod has', () => {
    file('ca.crt', 'CA');
    file('token', 'first\n');
    let clockMs = 0;
    const config = inClusterConfig({ host: 'fd00::1', port: '6443', folder }, () => clockMs);
    assert.deepEqual([config.host, config.port, config.basePath], ['fd00::1', 6443, '']);
    assert.deepEqual(config.readTls(), { ca: 'CA', isInsecure: false });
    file('ca.crt', 'NEW CA');
    assert.equal(config.readTls().ca, 'NEW CA');
    file('token', 'second');
    clockMs = 59_999;
    assert.equal(config.token?.current().expose(), 'first');
    clockMs = 60_000;
    assert.equal(config.token.current().expose(), 'second');
  });

  it('says what is missing', () => {
    const source = { host: '10.0.0.1', port: '443', folder };
    assert.match(
      failure(() => inClusterConfig({ ...source, host: undefined }, now)).message,
      /KUBERNETES_SERVICE_HOST/,
    );
    assert.deepEqual(
      failure(() => inClusterConfig(source, now)),
      { code: 'FAILED_PRECONDITION', message: 'DIR/ca.crt: cannot be read (ENOENT)' },
    );
    file('ca.crt', 'CA');
    assert.match(failure(() => inClusterConfig(source, now)).message, /^DIR\/token: no token/);
    file('token', '  \n');
    assert.match(failure(() => inClusterConfig(source, now)).message, /^DIR\/token: no token/);
    file('token', 'x');
    assert.match(failure(() => inClusterConfig({ ...source, port: 'x' }, now)).message, /must be an https URL/);
  });
});

describe('credentials that cannot be used', () => {
  const source = { host: '10.0.0.1', port: '443', folder: '' };

  it('do not become the trust in all public authorities that no authority stands for', () => {
    file('token', 'x');
    for (const empty of ['', '\n']) {
      file('ca.crt', empty);
      assert.deepEqual(
        failure(() => inClusterConfig({ ...source, folder }, now)),
        { code: 'FAILED_PRECONDITION', message: 'DIR/ca.crt: is empty' },
      );
    }
    file('ca.crt', 'CA');
    const config = inClusterConfig({ ...source, folder }, now);
    file('ca.crt', '');
    assert.match(failure(() => config.readTls()).message, /^DIR\/ca\.crt: is empty/);
  });

  it('do not replace a token, as none that a header takes can be', () => {
    file('ca.crt', 'CA');
    file('token', 'good\n');
    let clockMs = 0;
    const config = inClusterConfig({ ...source, folder }, () => clockMs);
    for (const bad of ['two\nlines', 'a b', 'ü', '\u0000']) {
      file('token', bad);
      clockMs += 60_000;
      assert.equal(config.token?.current().expose(), 'good');
      assert.match(failure(() => inClusterConfig({ ...source, folder }, now)).message, /^DIR\/token: no token/);
    }
  });
});

describe('a kubeconfig', () => {
  type Fields = Readonly<Record<string, unknown>>;
  const valid = { server: 'https://api.example:6443/prefix/' };

  function kubeconfig(cluster: Fields, user: Fields, root: Fields = {}): string {
    return file(
      'config',
      stringify({
        'current-context': 'one',
        contexts: [
          { name: 'other', context: { cluster: 'nowhere', user: 'nobody' } },
          { name: 'one', context: { cluster: 'c', user: 'u', namespace: 'team-a' } },
        ],
        clusters: [{ name: 'c', cluster }],
        users: [{ name: 'u', user }],
        ...root,
      }),
    );
  }
  const message = (cluster: Fields, user: Fields, root: Fields = {}): string =>
    failure(() => kubeconfigConfig(kubeconfig(cluster, user, root), now)).message;

  it('gives server and inline credentials of its current context', () => {
    const config = kubeconfigConfig(
      kubeconfig(
        { ...valid, 'certificate-authority-data': base64('CA'), 'tls-server-name': 'kubernetes' },
        { token: 't0ken', 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
      ),
      now,
    );
    assert.deepEqual([config.host, config.port, config.basePath], ['api.example', 6443, '/prefix']);
    assert.equal(config.token?.current().expose(), 't0ken');
    const { clientKey, ...rest } = config.readTls();
    assert.equal(clientKey?.expose(), 'KEY');
    assert.deepEqual(rest, { ca: 'CA', clientCertificate: 'CERT', serverName: 'kubernetes', isInsecure: false });
    assert.ok(!JSON.stringify(config).includes('t0ken'));
  });

  it('reads files relative to itself, and again when they change', () => {
    file('pki/ca.pem', 'CA');
    file('pki/cert.pem', 'CERT');
    file('pki/key.pem', 'KEY');
    file('token', 'from-file');
    const config = kubeconfigConfig(
      kubeconfig(
        { ...valid, 'certificate-authority': 'pki/ca.pem' },
        {
          'client-certificate': 'pki/cert.pem',
          'client-key': path.join(folder, 'pki/key.pem'),
          tokenFile: 'token',
          token: 'older',
        },
      ),
      now,
    );
    assert.equal(config.token?.current().expose(), 'from-file');
    assert.equal(config.readTls().clientCertificate, 'CERT');
    file('pki/cert.pem', 'RENEWED');
    assert.equal(config.readTls().clientCertificate, 'RENEWED');
  });

  it('names an empty authority file, and a token that no header takes, without quoting it', () => {
    file('ca.pem', '');
    assert.equal(
      message({ ...valid, 'certificate-authority': 'ca.pem' }, {}),
      'certificate-authority: DIR/ca.pem: is empty',
    );
    assert.equal(
      message({ ...valid, 'certificate-authority-data': base64('\n') }, {}),
      'DIR/config: clusters[0].cluster.certificate-authority-data must be base64, and not empty',
    );
    assert.equal(
      message(valid, { token: 's3cret\nline' }),
      'DIR/config: users[0].user.token must be one line of ASCII without blanks',
    );
  });

  it('may do without checks and without credentials when it says so', () => {
    const config = kubeconfigConfig(kubeconfig({ ...valid, 'insecure-skip-tls-verify': true }, {}), now);
    assert.deepEqual(config.readTls(), { isInsecure: true });
    assert.equal(config.token, undefined);
  });

  it('names the user entry whose way to authenticate is not supported', () => {
    for (const field of ['exec', 'auth-provider', 'username', 'as']) {
      assert.equal(
        message(valid, { [field]: { command: 'aws' } }),
        `DIR/config: users[0].user.${field} is not supported; use a token, tokenFile or client certificate`,
      );
    }
    assert.equal(
      message({ ...valid, 'proxy-url': 'http://p' }, {}),
      'DIR/config: clusters[0].cluster.proxy-url is not supported',
    );
  });

  it('names file and field of every mistake', () => {
    const own = 'DIR/config: ';
    const mistakes: readonly (readonly [Parameters<typeof message>, string])[] = [
      [[{}, {}], `${own}clusters[0].cluster.server must be set`],
      [[{ server: 'http://x' }, {}], `${own}server: must be an https URL without user and query`],
      [[{ server: 5 }, {}], `${own}clusters[0].cluster.server must be a string`],
      [[valid, {}, { 'current-context': '' }], `${own}current-context must be set`],
      [[valid, {}, { 'current-context': 'two' }], `${own}contexts has no entry "two"`],
      [[valid, {}, { 'current-context': 'other' }], `${own}clusters has no entry "nowhere"`],
      [[valid, {}, { users: {} }], `${own}users must be a list`],
      [[valid, {}, { users: ['u'] }], `${own}users[0] must be an object`],
      [
        [{ ...valid, 'insecure-skip-tls-verify': 'yes' }, {}],
        `${own}clusters[0].cluster.insecure-skip-tls-verify must be true or false`,
      ],
      [
        [{ ...valid, 'certificate-authority-data': '§' }, {}],
        `${own}clusters[0].cluster.certificate-authority-data must be base64, and not empty`,
      ],
      [
        [{ ...valid, 'certificate-authority': 'gone.pem' }, {}],
        'certificate-authority: DIR/gone.pem: cannot be read (ENOENT)',
      ],
      [
        [valid, { 'client-certificate-data': base64('x') }],
        `${own}users[0].user.client-certificate and client-key belong together`,
      ],
    ];
    for (const [fields, expected] of mistakes) assert.equal(message(...fields), expected);
    assert.equal(
      failure(() => kubeconfigConfig(path.join(folder, 'none'), now)).message,
      '--kubeconfig: DIR/none: cannot be read (ENOENT)',
    );
  });

  it('does not quote its text when that is not YAML', () => {
    const broken = file('config', 'users:\n  - token: "s3cret\n');
    const told = failure(() => kubeconfigConfig(broken, now)).message;
    assert.match(told, /^DIR\/config: not YAML at line \d+, column \d+ \([A-Z_]+\)$/);
    assert.equal(
      failure(() => kubeconfigConfig(file('config', 's3cret'), now)).message,
      'DIR/config: must be an object',
    );
  });

  it('names the file and the bound when it is larger than what is read', () => {
    assert.deepEqual(
      failure(() => kubeconfigConfig(file('config', '{a: '.repeat(1000)), now)),
      { code: 'FAILED_PRECONDITION', message: 'DIR/config: not read: it nests deeper than 64 levels at line 1' },
    );
  });

  it('names the file when its aliases lead nowhere', () => {
    const text = 'current-context: *s3cret\n';
    assert.deepEqual(
      failure(() => kubeconfigConfig(file('config', text), now)),
      {
        code: 'FAILED_PRECONDITION',
        message: 'DIR/config: not YAML (an alias without its anchor or within it, or too many aliases)',
      },
    );
  });
});
