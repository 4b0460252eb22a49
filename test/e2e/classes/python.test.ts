import assert from 'node:assert/strict';
import path from 'node:path';
import { caseProxyHost, caseToken, hostileText } from '../../support/classes/class-cases.ts';
import { useClassFixture } from '../../support/e2e/class-fixture.ts';
import type { Run } from '../../support/e2e/programs.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';

/** A wheel of nothing, for twine to read before it uploads. */
const makeWheel = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: thing\\nVersion: 1.0\\n")
    wheel.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("thing-1.0.dist-info/RECORD", "")
`;

describe('pip.conf and .pypirc of the chart', function () {
  const fixture = useClassFixture();
  before(needs('python3', 'pip', 'twine'));

  /** This machine's own settings shall not count. */
  const pip = (file: string, ...args: readonly string[]): Promise<Run> =>
    fixture.rendered.run('python3', ['-m', 'pip', '--disable-pip-version-check', '--no-input', ...args], {
      PIP_CONFIG_FILE: file,
      PIP_CONSTRAINT: '/dev/null',
    });

  /** The settings that pip finds in the file. */
  async function settings(file: string): Promise<Map<string, string>> {
    const { stdout } = await pip(file, 'config', 'debug');
    const inFile = stdout.split(`${file}, exists: True\n`)[1]?.split(/^ {0,2}\S/m)[0] ?? '';
    return new Map(
      [...inFile.matchAll(/^ {4}global\.(\S+?): (.*(?:\n(?! {4}global\.).+)*)$/gm)].map(([, key, value]) => [
        key!,
        value!.replaceAll(/\n +/g, '\n'),
      ]),
    );
  }

  it('show pip the indexes, of which those without a certificate are trusted', async () => {
    const found = await settings(fixture.rendered.write('pypi/pipconf/pip.conf: two connectors'));
    assert.equal(
      found.get('index-url'),
      `http://ci-one:${caseToken}@${caseProxyHost}/namespaces/ci/connectors/one/simple/`,
    );
    assert.equal(found.get('extra-index-url'), `\nhttps://ci-two:${caseToken}@proxy.example.com:8443/simple/`);
    assert.equal(found.get('trusted-host'), `\n${caseProxyHost}`);
  });

  it('show pip nothing that hostile params brought in', async () => {
    for (const className of ['pypi', 'nexus', 'jfrog']) {
      const found = await settings(
        fixture.rendered.write(`${className}/pipconf/pip.conf: two connectors, hostile params`),
      );
      const keys = [...found.keys()].sort();
      assert.deepEqual(keys, ['cert', 'extra-index-url', 'index-url', 'proxy', 'timeout', 'trusted-host']);
      // On one line, or what follows it would be a setting of its own.
      assert.equal(found.get('cert'), `${hostileText.replaceAll(/[\r\n]+/g, ' ')}/ca.crt`);
    }
  });

  it('bring twine to the path of its repository, with the token', async () => {
    const wheel = path.join(fixture.rendered.folder, 'thing-1.0-py3-none-any.whl');
    await fixture.rendered.output('python3', ['-c', makeWheel, wheel]);
    for (const [className, below] of Object.entries({
      pypi: '/',
      nexus: '/repository/team-repo/',
      jfrog: '/artifactory/api/pypi/team-repo/',
    })) {
      fixture.proxy.requests.splice(0);
      const file = fixture.rendered.write(
        `${className}/pypirc/.pypirc: two connectors of one server`,
        fixture.proxy.host,
      );
      for (const [repository, name] of Object.entries({ 'connectors-pypi': 'one', 'ci/again': 'again' })) {
        await fixture.rendered.run('twine', ['upload', '--config-file', file, '--repository', repository, wheel]);
        const { method, target, login } = fixture.proxy.requests.at(-1)!;
        assert.equal(method, 'POST');
        assert.equal(target, `/namespaces/ci/connectors/${name}${below}`);
        assert.equal(login, `ci/${name}:${caseToken}`);
      }
    }
  });

  it('show no section that hostile params brought in', async () => {
    const program =
      'import configparser, sys; c = configparser.RawConfigParser(); c.read(sys.argv[1]); print(" ".join(c.sections()))';
    for (const className of ['pypi', 'nexus', 'jfrog']) {
      const file = fixture.rendered.write(`${className}/pypirc/.pypirc: two connectors, hostile params`);
      assert.equal(
        await fixture.rendered.output('python3', ['-c', program, file]),
        'distutils connectors-pypi ci/one ci/two',
        hostileText,
      );
    }
  });
});
