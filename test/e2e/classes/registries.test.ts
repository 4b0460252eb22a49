import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { useClassFixture } from '../../support/e2e/class-fixture.ts';
import { CertificateAuthority } from '../../support/tls/certificate-authority.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';

describe('the files for image registries of the chart', function () {
  const fixture = useClassFixture();

  for (const program of ['skopeo', 'buildah']) {
    describe(`read by ${program}`, () => {
      before(needs(program));

      it('find the login of each connector, and none elsewhere', async () => {
        for (const configuration of [
          'oci/registry-config',
          'oci/docker-config',
          'harbor/registry-config',
          'harbor/config',
        ]) {
          const file = fixture.rendered.write(
            `${configuration}/config.json: two connectors of one server`,
            fixture.proxy.host,
          );
          const login = (of: string): Promise<string> =>
            fixture.rendered.output(program, ['login', '--get-login', '--authfile', file, of]);
          assert.equal(await login(`${fixture.proxy.host}/namespaces/ci/connectors/one`), 'ci/one');
          assert.equal(await login(`${fixture.proxy.host}/namespaces/ci/connectors/again/team/app`), 'ci/again');
          assert.equal(await login(fixture.proxy.host), 'ci/one,ci/again');
          const { status } = await fixture.rendered.run(program, [
            'login',
            '--get-login',
            '--authfile',
            file,
            'other.example',
          ]);
          assert.notEqual(status, 0);
        }
      });
    });
  }

  it('survive hostile params', async function () {
    needs('skopeo').call(this, () => undefined);
    const registries = fixture.rendered.write('harbor/registry-config/registries.conf: two connectors, hostile params');
    const { output } = await fixture.rendered.run('skopeo', [
      '--registries-conf',
      registries,
      'inspect',
      `docker://${fixture.proxy.host}/a`,
    ]);
    assert.doesNotMatch(output, /toml|loading registries/i);
  });

  it('say rightly which file has to be left out of a folder of certificates', async function () {
    needs('skopeo').call(this, () => undefined);
    const folder = path.join(fixture.rendered.folder, 'certs');
    mkdirSync(folder);
    const inspect = async (): Promise<string> =>
      (await fixture.rendered.run('skopeo', ['inspect', '--cert-dir', folder, `docker://${fixture.proxy.host}/a`]))
        .output;
    writeFileSync(path.join(folder, 'ca.crt'), new CertificateAuthority().certificate);
    assert.doesNotMatch(await inspect(), /missing key/);
    writeFileSync(path.join(folder, 'ca.cert'), '');
    assert.match(await inspect(), /missing key ca\.key for client certificate ca\.cert/);
  });
});
