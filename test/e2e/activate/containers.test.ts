import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import {
  ActivationFixture,
  bundleVariables,
  classVariables,
  copyFiles,
  expectedVariables,
  variablesIn,
} from '../../support/e2e/activation.ts';
import { BusyboxContainer } from '../../support/e2e/busybox-container.ts';
import type { ContainerOptions } from '../../support/e2e/busybox-container.ts';
import { needsRootForContainers, run } from '../../support/e2e/programs.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';

const [cannotWrite, bundleOnly] = [
  /^connectors-csi: activate: cannot write to (\S+) or \/dev\/shm: programs trust the proxy's certificates only, and fail for hosts that are not of a Connector; set TMPDIR to a folder of this user\n$/,
  [...bundleVariables, 'NODE_EXTRA_CA_CERTS', 'DENO_CERT'],
];

/** Where the images of distributions have the certificates that they trust. */
const layouts: Readonly<Record<string, string>> = {
  Debian: '/etc/ssl/certs/ca-certificates.crt',
  Alpine: '/etc/ssl/cert.pem',
  'an older Red Hat': '/etc/pki/tls/certs/ca-bundle.crt',
  'Red Hat': '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  SUSE: '/etc/ssl/ca-bundle.pem',
};

/** Sources `activate`. @returns the variables, and what it prints. */
async function activateIn(
  container: BusyboxContainer,
  options: ContainerOptions = {},
): Promise<{ readonly variables: Readonly<Record<string, string>>; readonly printed: string }> {
  const { status, stdout, output } = await container.run(
    ['/bin/sh', '-euc', '. /connectors/activate; exec env'],
    options,
  );
  assert.equal(status, 0, output);
  const file = path.join(container.root, '..', `${path.basename(container.root)}.env`);
  fs.writeFileSync(file, stdout);
  return { variables: variablesIn(file), printed: output.slice(stdout.length) };
}

describe('activate, in containers', function () {
  /** Undefined if the tests are skipped. */
  let fixture: ActivationFixture | undefined;
  let folder: string;
  let certificate: string;
  let volume: TestVolume;
  let container: BusyboxContainer;
  let roots = 0;

  before(needs('busybox', 'keytool', 'dash', 'bash', 'mksh', 'ksh93', 'zsh'));
  before(needsRootForContainers);
  before(async () => {
    fixture = await ActivationFixture.start();
    volume = await fixture.volume('one', 'tool,!absent');
    folder = fixture.node.root;
    certificate = fixture.authority.certificate;
  });
  beforeEach(() => {
    container = new BusyboxContainer(path.join(folder, `root-${(roots += 1)}`), volume.target);
  });
  after(() => fixture?.stop());

  const expected = (bundle: string, system?: string): Readonly<Record<string, string>> => ({
    ...expectedVariables('/connectors', volume.read()['http.proxy'] ?? '', bundle, system),
    ...classVariables('/connectors'),
  });
  const assertVariables = (
    actual: Readonly<Record<string, string>>,
    wanted: Readonly<Record<string, string>>,
  ): void => {
    const known = Object.keys(wanted);
    assert.deepEqual(Object.fromEntries(Object.entries(actual).filter(([name]) => known.includes(name))), wanted);
  };

  for (const [distribution, file] of Object.entries(layouts)) {
    it(`adds the proxy's certificates to those of ${distribution}`, async () => {
      container.write(file, 'SYSTEM\n');
      const { variables, printed } = await activateIn(container);
      assert.equal(printed, '');
      const bundle = variables['SSL_CERT_FILE'] ?? '';
      assert.match(bundle, /^\/tmp\/connectors-csi-0\/[0-9a-f]{16}-[0-9a-f]{64}\.pem$/);
      assertVariables(variables, expected(bundle, file));
      assert.equal(container.read(bundle), `SYSTEM\n\n${certificate}`);
    });
  }

  it("takes the proxy's certificates alone where the container has none", async () => {
    const { variables, printed } = await activateIn(container);
    assert.equal(printed, '');
    assertVariables(variables, expected('/connectors/ca.crt'));
    assert.ok(!('CONNECTORS_SYSTEM_CA' in variables));
    assert.deepEqual(fs.readdirSync(path.join(container.root, 'tmp')), []);
  });

  it('uses /dev/shm in a container that is read-only', async () => {
    container.write('/etc/ssl/cert.pem', 'SYSTEM\n');
    const { variables, printed } = await activateIn(container, { isReadOnly: true, hasSharedMemory: true });
    assert.equal(printed, '');
    const bundle = variables['SSL_CERT_FILE'] ?? '';
    assert.match(bundle, /^\/dev\/shm\/connectors-csi-0\/[0-9a-f]{16}-[0-9a-f]{64}\.pem$/);
    assertVariables(variables, expected(bundle, '/etc/ssl/cert.pem'));
  });

  it('says what does not work in a container that it cannot write to', async () => {
    container.write('/etc/ssl/cert.pem', 'SYSTEM\n');
    const { variables, printed } = await activateIn(container, { isReadOnly: true });
    assert.equal(cannotWrite.exec(printed)?.[1], '/tmp', printed);
    assertVariables(variables, expected('/connectors/ca.crt', '/etc/ssl/cert.pem'));
  });

  it('keeps a file of the container that SSL_CERT_FILE names, and a folder that TMPDIR names', async () => {
    container.write('/etc/ssl/cert.pem', 'SYSTEM\n');
    container.write('/own.pem', 'OWN');
    fs.mkdirSync(path.join(container.root, 'own'));
    const { variables } = await activateIn(container, { env: { SSL_CERT_FILE: '/own.pem', TMPDIR: '/own' } });
    assert.equal(variables['CONNECTORS_SYSTEM_CA'], '/own.pem');
    assert.match(variables['CURL_CA_BUNDLE'] ?? '', /^\/own\/connectors-csi-0\//);
    assert.equal(container.read(variables['CURL_CA_BUNDLE'] ?? ''), `OWN\n${certificate}`);
  });

  describe('trusts no folder in /tmp that another user has made', () => {
    const attacks: Readonly<Record<string, (folder: string, elsewhere: string) => void>> = {
      'its own folder': (folder) => {
        fs.mkdirSync(folder, { mode: 0o777 });
        fs.chownSync(folder, 2000, 2000);
      },
      'a link to a folder': (folder, elsewhere) => {
        fs.symlinkSync(elsewhere, folder);
      },
      'a link to nothing': (folder) => fs.symlinkSync('/tmp/nothing', folder),
      'a file': (folder) => fs.writeFileSync(folder, 'x'),
    };
    for (const [what, attack] of Object.entries(attacks)) {
      it(what, async () => {
        container.write('/etc/ssl/cert.pem', 'SYSTEM\n');
        const elsewhere = path.join(container.root, 'tmp', 'elsewhere');
        fs.mkdirSync(elsewhere);
        fs.chownSync(elsewhere, 1000, 1000);
        attack(path.join(container.root, 'tmp', 'connectors-csi-1000'), '/tmp/elsewhere');
        const { variables, printed } = await activateIn(container, { user: 1000 });
        assert.match(printed, cannotWrite);
        for (const name of bundleOnly) assert.equal(variables[name], '/connectors/ca.crt');
        assert.deepEqual(fs.readdirSync(elsewhere), []);
      });
    }

    it('and each user has a folder', async () => {
      container.write('/etc/ssl/cert.pem', 'SYSTEM\n');
      for (const user of [1000, 2000]) {
        const { variables, printed } = await activateIn(container, { user });
        assert.equal(printed, '');
        assert.match(variables['SSL_CERT_FILE'] ?? '', new RegExp(`^/tmp/connectors-csi-${user}/`));
      }
    });
  });

  it('ignores lines that are no variables', async () => {
    copyFiles(volume.target, path.join(container.root, 'copy'));
    const lines = ['no equals sign', '1A=x', 'A-B=x', '=x', 'GOOD=./../etc', 'FINE=x'];
    container.write('/copy/own.environment', lines.join('\n'));
    const { variables, printed } = await activateIn(container, { env: { CONNECTORS_DIR: '/copy' } });
    assert.equal(variables['FINE'], 'x');
    const warning = 'connectors-csi: activate: /copy/own.environment: ignored a line without a permitted variable\n';
    assert.equal(printed, warning.repeat(4));
  });

  describe('without /proc', () => {
    const script = '. /connectors/activate && echo $CONNECTORS_DIR';
    const shellsByKnowledge = {
      'knows the file': ['bash', 'ksh93', 'zsh'],
      'needs CONNECTORS_DIR': ['dash', 'ash', 'mksh'],
    };
    for (const [knowledge, names] of Object.entries(shellsByKnowledge)) {
      for (const name of names) {
        it(`${name} ${knowledge}`, async () => {
          if (name !== 'ash') container.addProgram(name);
          const words = [`/bin/${name}`, ...(name === 'zsh' ? ['-f'] : []), '-c', script];
          const { status, output } = await container.run(words, { hasProc: false });
          if (knowledge === 'knows the file') {
            assert.equal(output, '/connectors\n');
            return;
          }
          assert.notEqual(status, 0);
          const problem = 'cannot find the directory of the volume: set CONNECTORS_DIR to its mount path';
          assert.equal(output, `connectors-csi: activate: ${problem}\n`);
          const helped = await container.run(words, { hasProc: false, env: { CONNECTORS_DIR: '/connectors' } });
          assert.equal(helped.output, '/connectors\n');
        });
      }
    }

    it('the form around a program knows the file', async () => {
      const words = ['/bin/sh', '/connectors/activate', 'sh', '-c', 'echo $CONNECTORS_DIR'];
      assert.equal((await container.run(words, { hasProc: false })).output, '/connectors\n');
    });
  });

  it('has a trust store that Java reads without a password', async () => {
    const store = path.join(volume.target, 'truststore.p12');
    const { status, stdout, output } = await run('sh', ['-c', `echo | keytool -list -keystore ${store}`], '/');
    assert.equal(status, 0, output);
    assert.match(stdout, /contains 1 entry/);
    assert.match(stdout, /trustedCertEntry/);
  });
});
