import assert from 'node:assert/strict';
import { caseProxyHost, caseToken, hostileAddress, hostileText } from '../../support/classes/class-cases.ts';
import { useClassFixture } from '../../support/e2e/class-fixture.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';

describe('.gitconfig of the chart, read by git', () => {
  const fixture = useClassFixture();
  before(needs('git'));

  const valueFor = async (file: string, key: string, url: string): Promise<string> =>
    (await fixture.rendered.run('git', ['config', '--file', file, '--get-urlmatch', key, url])).stdout.trimEnd();
  const fetchFrom = (url: string): Promise<unknown> =>
    fixture.rendered.run('git', ['ls-remote', url], { GIT_TERMINAL_PROMPT: '0' });

  it('fetches SSH remotes so as well', async () => {
    fixture.rendered.write('github/gitconfig/.gitconfig: one connector', fixture.proxy.host);
    await fetchFrom('git@one.example.com:team/app.git');
    await fetchFrom('ssh://git@one.example.com/team/app.git');
    assert.equal(fixture.proxy.withLogin.length, fixture.proxy.requests.length);
    const paths = new Set(fixture.proxy.requests.map(({ target }) => target.split('?')[0]));
    assert.deepEqual([...paths], ['/namespaces/ci/connectors/one/team/app.git/info/refs']);
  });

  it('shows the token to no other address, whatever they share', async () => {
    const file = fixture.rendered.write('git/gitconfig/.gitconfig: one connector');
    const proxyAddress = `http://${caseProxyHost}/namespaces/ci/connectors/one`;
    assert.match(await valueFor(file, 'http.extraHeader', `${proxyAddress}/team/app.git`), /^Authorization: Basic /);
    for (const other of [`${proxyAddress}x/app.git`, `http://${caseProxyHost}/`, 'https://one.example.com.evil/']) {
      assert.equal(await valueFor(file, 'http.extraHeader', other), '', other);
    }
  });

  it('keeps the server and uses the proxy in front of it where told to', async () => {
    const file = fixture.rendered.write('git/gitconfig/.gitconfig: two connectors, hostile params');
    const proxyUrl = `http://ci%2Fone:${caseToken}@${caseProxyHost}:80`;
    const server = 'https://one.example.com/team/app.git';
    assert.equal(await valueFor(file, 'http.proxy', server), proxyUrl);
    assert.equal(await valueFor(file, 'http.sslCAInfo', server), `${hostileText}/ca.crt`);
    assert.equal(await valueFor(file, 'http.proxy', 'https://other.example.com/'), '');
  });

  it('reads hostile params as they were written', async () => {
    const file = fixture.rendered.write('gitlab/gitconfig/.gitconfig: two connectors, hostile params');
    assert.equal(await fixture.rendered.output('git', ['config', '--file', file, 'user.name']), hostileText);
  });

  it("reads a connector's address as its owner wrote it", async () => {
    const file = fixture.rendered.write('git/gitconfig/.gitconfig: one connector with a hostile address');
    const key = `url.http://${caseProxyHost}/namespaces/ci/connectors/odd/.insteadOf`;
    const found = await fixture.rendered.output('git', ['config', '--file', file, '--get-all', key]);
    assert.equal(found.split('\n')[0], `${hostileAddress}/`);
    const sections = await fixture.rendered.output('git', ['config', '--file', file, '--name-only', '--list']);
    assert.deepEqual([...new Set(sections.split('\n').map((name) => name.split('.')[0]))], ['http', 'url']);
  });
});
