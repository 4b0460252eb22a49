import assert from 'node:assert/strict';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.js';
import { BusyboxContainer } from '../../support/e2e/busybox-container.js';
import type { ContainerOptions } from '../../support/e2e/busybox-container.js';
import { useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { needsRootForContainers } from '../../support/e2e/programs.js';
import { CertificateAuthority } from '../../support/kube-api/certificates.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const host = 'tools.test';
const otherHost = 'other.test';
/** CAs that the container trusts. */
const [ownRoot, anotherRoot] = ['a root of the container', 'another one'].map((name) => new CertificateAuthority(name));
const bundle = `${anotherRoot!.certificate}${ownRoot!.certificate}`;

/** Files and links of the images of distributions. */
const layouts: Readonly<Record<string, (container: BusyboxContainer) => void>> = {
  Debian: (container) => {
    container.write('/etc/ssl/certs/ca-certificates.crt', bundle);
    container.write('/usr/lib/ssl/openssl.cnf', '');
    container.link('/usr/lib/ssl/certs', '/etc/ssl/certs');
  },
  Alpine: (container) => {
    container.write('/etc/ssl/certs/ca-certificates.crt', bundle);
    container.link('/etc/ssl/cert.pem', 'certs/ca-certificates.crt');
  },
  'Red Hat': (container) => {
    container.write('/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', bundle);
    container.link('/etc/pki/tls/certs/ca-bundle.crt', '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem');
    container.link('/etc/pki/tls/cert.pem', '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem');
  },
  SUSE: (container) => {
    container.write('/var/lib/ca-certificates/ca-bundle.pem', bundle);
    container.link('/etc/ssl/ca-bundle.pem', '../../var/lib/ca-certificates/ca-bundle.pem');
  },
  'one with /etc/ssl/cert.pem alone': (container) => container.write('/etc/ssl/cert.pem', bundle),
};

/** curl and the libraries that it needs are all that the containers have, next to busybox. */
describe('certificates after `activate`, in containers of distributions', function () {
  this.timeout(60_000);
  let volume: TestVolume;
  let intercepted: string;
  let passedThrough: string;
  let container: BusyboxContainer;
  let roots = 0;

  before(needsRootForContainers);
  const use = useFlowFixture({ hosts: [host, otherHost] }, ['busybox', 'curl', 'ldd'], async (fixture) => {
    const tool = await ToolServer.start('https', (_request, response) => void response.end('of the tool'), [host]);
    const other = await ToolServer.start(
      'https',
      (_request, response) => void response.end('of another host'),
      [otherHost],
      ownRoot,
    );
    fixture.onStop(() => Promise.all([tool.stop(), other.stop()]));
    [intercepted, passedThrough] = [tool.url(host), other.url(otherHost)];
    fixture.connect('tool', tool.url(host));
    fixture.onStop(fixture.allow(['tool']));
    volume = await fixture.volume({ attributes: { connectors: 'tool' } });
  });
  beforeEach(() => {
    container = new BusyboxContainer(path.join(use.fixture.node.root, `root-${(roots += 1)}`), volume.target);
    container.addProgram('curl');
  });

  /** Runs a script with both tools as $TOOL and $OTHER, after `activate`. @returns what it prints. */
  const activated = async (script: string, options: ContainerOptions = {}): Promise<string> => {
    const env = { ...options.env, TOOL: intercepted, OTHER: passedThrough };
    const words = ['/bin/sh', '-euc', `. /connectors/activate\n${script}`];
    const { output } = await container.run(words, { ...options, env });
    assert.ok(!output.includes(volume.token));
    return output;
  };
  const assertTrustsBoth = async (options: ContainerOptions = {}): Promise<void> => {
    const both = 'curl -sSf $TOOL; echo; curl -sSf $OTHER';
    assert.equal(await activated(both, options), 'of the tool\nof another host');
    const made = await activated('cat $SSL_CERT_FILE', options);
    assert.deepEqual(certificatesIn(made), certificatesIn(`${bundle}${use.fixture.authority}`));
  };

  for (const [name, make] of Object.entries(layouts)) {
    it(`${name}: curl trusts a tool and another host`, async () => {
      make(container);
      await assertTrustsBoth();
    });
  }

  it('an image that sets SSL_CERT_FILE: curl trusts a tool and another host', async () => {
    container.write('/etc/ssl/certs/ca-certificates.crt', new CertificateAuthority('of the image').certificate);
    container.write('/opt/company/roots.pem', bundle);
    await assertTrustsBoth({ env: { SSL_CERT_FILE: '/opt/company/roots.pem' } });
  });

  it('a read-only container: curl trusts a tool and another host', async () => {
    layouts['Debian']!(container);
    await assertTrustsBoth({ isReadOnly: true, hasSharedMemory: true, user: 1000 });
  });

  it('a container without a folder to write to: curl trusts a tool alone, and the script says so', async () => {
    layouts['Debian']!(container);
    const script = 'curl -sSf $TOOL; echo; curl -sS $OTHER || echo failed $?';
    const output = await activated(script, { isReadOnly: true });
    assert.match(output, /^of the tool\nfailed 60\n/);
    assert.match(output, /^connectors-csi: activate: cannot write to \/tmp or \/dev\/shm: .* set TMPDIR/m);
  });

  it('a container without certificates: curl trusts a tool alone', async () => {
    assert.match(
      await activated('curl -sSf $TOOL; echo; curl -sS $OTHER || echo failed $?'),
      /^of the tool\nfailed 60\n/,
    );
  });
});

function certificatesIn(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
